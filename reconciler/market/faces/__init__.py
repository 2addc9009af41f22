"""One HTTP face per real provider over the simulated market: its paths, bodies, errors and limits.

Written from what the vendors publish and not from the adapters, so that the two can disagree.
"""

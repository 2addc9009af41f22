"""Frozen values (fleets, offers, instances, money, plans, events) and the error tree."""

"""The simulated GPU market: its world, its clock, its faults and its billing ledger."""

"""Performs a plan, one action at a time, and records each step before and after it happens."""

"""Asks every provider what exists and what is for rent, and says which answers are missing."""

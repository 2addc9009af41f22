"""Reads YAML documents strictly, keeping file, line and column, and generates their schemas."""

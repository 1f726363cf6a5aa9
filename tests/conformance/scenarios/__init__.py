"""Scenarios by theme, one theme a module."""

"""Stores on disk: list, explain, remove, repair."""

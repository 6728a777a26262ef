"""Experiments trained on stores, and the files that a run leaves."""

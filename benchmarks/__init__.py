"""Measurements of `make bench`: every figure is a ratio against a named peer, both measured in one run."""

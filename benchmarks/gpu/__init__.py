"""Measurements of `make bench-gpu`: training on a device, how well a store feeds it, and copies to it."""

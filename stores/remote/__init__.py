"""Stores in object storage: the same layout, read by ranges and kept in a local cache."""

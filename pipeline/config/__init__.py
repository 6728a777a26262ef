"""The configuration that a user writes, and its checks."""

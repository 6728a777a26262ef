"""Residual network with self-attention over time (SPEC: genre)."""

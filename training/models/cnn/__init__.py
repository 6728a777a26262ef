"""A stack of convolutions whose structure is settings (SPEC: BGM)."""

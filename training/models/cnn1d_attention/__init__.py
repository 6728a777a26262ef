"""Convolutions along a waveform and self-attention (SPEC: anomaly)."""

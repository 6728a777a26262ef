"""Residual network of bottleneck blocks for small spectrograms (SPEC: spectrogram table)."""

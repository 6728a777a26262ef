"""ResNet-18 for one channel (SPEC: environment sounds)."""

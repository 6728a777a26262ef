"""Eight convolutions that downsample by their strides (SPEC: environment sounds)."""

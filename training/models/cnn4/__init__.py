"""Four convolutions with max-pooling and dense layers (SPEC: environment sounds)."""

"""Six convolutions with max-pooling, pooled over time both ways."""

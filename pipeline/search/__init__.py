"""Search for an experiment's settings."""

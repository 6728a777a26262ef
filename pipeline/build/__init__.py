"""Stores built from recordings, and the sound behind their tensors."""

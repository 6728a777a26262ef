"""Corpora: their recordings, read and indexed, and the sides that the clips are on."""

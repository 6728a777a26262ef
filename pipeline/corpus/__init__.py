"""Corpora: sources of recordings, the index of their clips, and the split of the clips to sides."""

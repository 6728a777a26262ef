"""Source `esc50`: the environment sounds of ESC-50 in the layout of its archive, read as audio files."""

"""Source `manifest`: audio files and segments of them that JSON lines name, as NeMo and Lhotse write them."""

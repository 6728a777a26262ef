"""Where recordings come from, one form a file: each lists its recordings without opening them."""

from pipeline.sources.audio import AudioSource

__all__ = ["AudioSource"]

"""Decoder of recordings in their order, which opens a longer one once for all that is cut from it."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from features.audio import ContentHash, content_hash, open_sound
from features.extractor import FeatureExtractor, PassThroughExtractor
from features.sound import Clip
from features.spans import SpanReader
from pipeline.corpus.recordings import Part, Recording, Segment

LONG = 1 << 25  # samples: twelve minutes at 44.1 kHz, in 134 MB


class Decoder:
    """Decoder that keeps the last longer recording of which it has decoded a part, and the last file of segments.

    Segments in the order of their beginnings are decoded in one pass over their file, or by seeking; another order
    costs time and gives the same samples.
    """

    def __init__(self) -> None:
        self._longer: Recording | None = None
        self._decoded: tuple[np.ndarray, int]
        self._file: tuple[Path, int, int]
        self._reader: SpanReader | None = None

    def decode(self, recording: Recording) -> tuple[np.ndarray, int]:
        """Return samples and rate in Hz, as `recording.decode` does."""
        if not isinstance(recording, Part) or (longer := recording.longer) is None:
            return self._whole(recording)
        if longer != self._longer:
            self._longer = None  # unless it decodes
            self._decoded = self._whole(longer)
            self._longer = longer
        samples, rate_hz = self._decoded
        return recording.cut(samples), rate_hz

    def clip(
        self, recording: Recording, samples: int, features: FeatureExtractor | PassThroughExtractor
    ) -> tuple[bytes, Clip | np.ndarray]:
        """Return the content hash of a recording of so many samples, and the clip that its variants start from.

        Of a long recording no more than the clip is held in memory.
        """
        is_part = isinstance(recording, Part) and recording.longer is not None
        if samples > LONG and not is_part and isinstance(recording, Segment) and isinstance(features, FeatureExtractor):
            return self._long_clip(recording, samples, features)
        decoded, rate_hz = self.decode(recording)
        return content_hash(decoded, rate_hz), features.clip(decoded, rate_hz)

    def forget(self) -> None:
        """Forget the longer recording, whose samples take memory; the file of segments stays open."""
        self._longer = None
        self._decoded = (np.zeros(0, np.float32), 0)

    def _long_clip(self, recording: Segment, samples: int, features: FeatureExtractor) -> tuple[bytes, Clip]:
        reader, self._reader = self._opened(recording), None  # unless it decodes
        rate_hz = reader.sound.samplerate
        content = ContentHash(rate_hz)

        def hashed() -> Iterator[np.ndarray]:
            for _, block in reader.blocks(*recording.span(rate_hz)):
                content.update(block)
                yield block

        clip = features.clip_of_blocks(hashed(), rate_hz, samples)
        self._reader = reader
        return content.digest(), clip

    def _whole(self, recording: Recording) -> tuple[np.ndarray, int]:
        if not isinstance(recording, Segment) or recording.is_whole:
            return recording.decode()
        reader, self._reader = self._opened(recording), None  # unless it decodes
        rate_hz = reader.sound.samplerate
        samples = reader.read(*recording.span(rate_hz))
        self._reader = reader
        return samples, rate_hz

    def _opened(self, recording: Segment) -> SpanReader:
        """Return the open file of a segment, opened anew if it changed or has been read beyond the beginning."""
        status = os.stat(recording.path)
        file = (recording.path, status.st_size, status.st_mtime_ns)
        if (reader := self._reader) is not None:
            if file == self._file and recording.span(reader.sound.samplerate)[0] >= reader.earliest:
                return reader
            reader.sound.close()
        self._file = file
        return SpanReader(open_sound(recording.path))


_OF_THREAD = threading.local()


def worker_decoder() -> Decoder:
    """Return the decoder of this worker, whose open file outlives a task: the next shard goes on where this one ended.

    Each worker reads a long recording once, where seeking is not exact, and not once for each shard.
    """
    decoder = getattr(_OF_THREAD, "decoder", None)
    if decoder is None:
        decoder = _OF_THREAD.decoder = Decoder()
    decoder.forget()
    return decoder

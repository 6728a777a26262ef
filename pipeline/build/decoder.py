"""Decoder of recordings in their order, which opens a longer one once for all that is cut from it."""

import os
import threading
from collections.abc import Iterator

import numpy as np

from features.audio import ContentHash, content_hash, open_sound
from features.extractor import FeatureExtractor, PassThroughExtractor
from features.sound import Clip
from features.spans import SpanReader
from pipeline.corpus.recordings import Part, Recording, Segment

LONG = 1 << 23  # samples: three minutes at 44.1 kHz, in 34 MB


class Decoder:
    """Decoder that keeps the last file of segments open, and the last recording that it had to decode for a part of it.

    Segments in the order of their beginnings are decoded in one pass over their file, or by seeking, as are equal parts
    where the length is known before; another order costs time and gives the same samples.
    """

    def __init__(self) -> None:
        self._longer: Recording | None = None
        self._decoded: tuple[np.ndarray, int]
        self._file: tuple[Recording, int, int]
        self._reader: SpanReader | None = None

    def decode(self, recording: Recording) -> tuple[np.ndarray, int]:
        """Return samples and rate in Hz, as `recording.decode` does."""
        longer = recording.longer if isinstance(recording, Part) else None
        if isinstance(recording, Segment) and not (longer is None and recording.is_whole):
            reader = self._opened(recording)
            if longer is None or reader.frames is not None:
                self._reader = None  # unless it decodes
                samples = reader.read(*self._span(recording, reader))
                self._reader = reader
                return samples, reader.sound.samplerate
        if not isinstance(recording, Part) or longer is None:
            return recording.decode()
        if longer != self._longer:
            self._longer = None  # unless it decodes
            self._decoded = self.decode(longer)
            self._longer = longer
        samples, rate_hz = self._decoded
        return recording.cut(samples), rate_hz

    def clip(
        self, recording: Recording, samples: int, features: FeatureExtractor | PassThroughExtractor
    ) -> tuple[bytes, Clip | np.ndarray]:
        """Return the content hash of a recording of so many samples, and the clip that its variants start from.

        Of a long recording no more than the clip is held in memory.
        """
        if samples > LONG and isinstance(recording, Segment) and isinstance(features, FeatureExtractor):
            reader = self._opened(recording)
            if reader.frames is not None or not isinstance(recording, Part) or recording.longer is None:
                return self._long_clip(recording, reader, samples, features)
        decoded, rate_hz = self.decode(recording)
        return content_hash(decoded, rate_hz), features.clip(decoded, rate_hz)

    def forget(self) -> None:
        """Forget the longer recording, whose samples take memory; the file of segments stays open."""
        self._longer = None
        self._decoded = (np.zeros(0, np.float32), 0)

    def _long_clip(
        self, recording: Segment, reader: SpanReader, samples: int, features: FeatureExtractor
    ) -> tuple[bytes, Clip]:
        self._reader = None  # unless it decodes
        content = ContentHash(reader.sound.samplerate)

        def hashed() -> Iterator[np.ndarray]:
            for _, block in reader.blocks(*self._span(recording, reader)):
                content.update(block)
                yield block

        clip = features.clip_of_blocks(hashed(), reader.sound.samplerate, samples)
        self._reader = reader
        return content.digest(), clip

    @staticmethod
    def _span(recording: Segment, reader: SpanReader) -> tuple[int, int]:
        return recording.span(reader.sound.samplerate, reader.frames)

    def _opened(self, recording: Segment) -> SpanReader:
        """Return the open file of a segment, opened anew if it changed or has been read beyond the beginning."""
        status = os.stat(recording.path)
        file = (recording.whole, status.st_size, status.st_mtime_ns)
        if (reader := self._reader) is not None:
            if file == self._file and recording.span(reader.sound.samplerate)[0] >= reader.earliest:
                return reader
            self._reader = None  # unless the next one opens
            reader.sound.close()
        self._reader = SpanReader(open_sound(recording.encoded()))
        self._file = file
        return self._reader


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

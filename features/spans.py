"""Spans of an open recording, from one sample to another, in bounded memory."""

from collections.abc import Iterator

import numpy as np

from features.audio import BLOCK_FRAMES, blocks, join_blocks, mono
from features.decoding import UNKNOWN_FRAMES, OpenSound

# In these a sample does not depend on those that were decoded before it. MP3, Opus and ADPCM carry a state over.
_STATELESS = frozenset({"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"})


def samples_at(seconds: float, rate_hz: int) -> int:
    """Return the number of the sample that is nearest to a time; of two, the later one."""
    return int(np.floor(seconds * rate_hz + 0.5))


def exact_frames(sound: OpenSound) -> int | None:
    """Return the length in samples where the header states the true one and a seek changes no sample, else None."""
    return sound.frames if sound.subtype in _STATELESS and sound.frames != UNKNOWN_FRAMES else None


class SpanReader:
    """Reader of spans of one recording at its own rate, from earlier to later ones.

    It seeks where that changes no sample. Elsewhere it reads forwards, in the blocks in which a whole recording is
    read, since the last bits of some decoders depend on them.

    Parameters
    ----------
    sound : OpenSound
        Open recording of which nothing has been read.

    Attributes
    ----------
    frames : int or None
        Length of the recording where it seeks, None where it reads forwards.
    """

    def __init__(self, sound: OpenSound) -> None:
        self.sound = sound
        self.frames = exact_frames(sound)
        self._forwards = blocks(sound)
        self._position = 0  # of the decoder, in samples
        self._held: list[tuple[int, np.ndarray]] = []  # blocks in which a later span may begin, with their places

    @property
    def earliest(self) -> int:
        """Return the first sample that can still be read."""
        if self.frames is not None:
            return 0
        return self._held[0][0] if self._held else self._position

    @property
    def end(self) -> int:
        """Return the length of the recording in samples, once a span has reached beyond it."""
        return self._position if self.frames is None else self.frames

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return the samples from `start` to before `stop`, `(samples,)` float32; fewer where the recording ends.

        The next span may begin anywhere from `start` on, and earlier where `earliest` says so.
        """
        return join_blocks(block for _, block in self.blocks(start, stop, keep_from=start))

    def blocks(self, start: int, stop: int, keep_from: int | None = None) -> Iterator[tuple[int, np.ndarray]]:
        """Yield a span in pieces, `(samples,)` float32, each with the number of its first sample.

        Where the recording is read forwards, the next span may begin at `keep_from`, or else at `stop`.
        """
        if self.frames is not None:
            yield from self._sought(start, min(stop, self.frames))
            return
        for begin, block in self._passed(start, stop, stop if keep_from is None else keep_from):
            piece = block[max(start - begin, 0) : stop - begin]
            if len(piece):
                yield max(start, begin), piece

    def _sought(self, start: int, stop: int) -> Iterator[tuple[int, np.ndarray]]:
        if start < stop and start != self._position:
            self.sound.seek(start)
            self._position = start
        while self._position < stop:
            block = self.sound.read(min(BLOCK_FRAMES, stop - self._position), dtype="float32", always_2d=True)
            if not len(block):
                return
            self._position += len(block)
            yield self._position - len(block), mono(block)

    def _passed(self, start: int, stop: int, keep_from: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield blocks up to the one that holds `stop`, and hold those that end after `keep_from`, and the last."""
        yield from [held for held in self._held if held[0] < stop]
        while self._position < stop and (block := next(self._forwards, None)) is not None:
            begin, self._position = self._position, self._position + len(block)
            self._held = [(place, held) for place, held in self._held if place + len(held) > keep_from]
            self._held.append((begin, block))
            yield begin, block

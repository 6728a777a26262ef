"""Open sound whose decoder is FFmpeg's, by the package av: AAC, ALAC, WMA, Opus and others in their containers."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

from features.decoding import UNKNOWN_FRAMES, DecodingError, MissingDecoderError

MISSING = "the package av is not installed; to install it: pip install 'otogura[codecs]'"

# Playlists and the like, which name other files and addresses, are not opened.
_CONTAINERS = "aac,asf,flac,matroska,webm,mov,mp4,m4a,mp3,ogg,wav"
_FULL_SCALE = {"u8": 1 << 7, "s16": 1 << 15, "s32": 1 << 31, "s64": 1 << 63}  # of FFmpeg's names of sample types
_LOSSLESS = frozenset({"alac", "flac"})
_PRIMING = 4096  # samples of lossy codecs that an MP4 file may count in its length, and that no decoder gives


class CodecSound:
    """Open sound that is read forwards, in bounded memory, with one thread.

    Parameters
    ----------
    file : str, Path or BinaryIO

    Raises
    ------
    DecodingError
        If it cannot be decoded, also while it is read, or the package av is missing.
    OSError
        If it cannot be read.
    """

    format = "AV"
    extra_info = ""

    def __init__(self, file: str | Path | BinaryIO) -> None:
        self._av = _av()
        self._left = np.zeros((0, 0), np.float32)  # decoded, and not read yet
        options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
        source = str(file) if isinstance(file, Path) else file
        try:
            self._container = self._av.open(source, options=options, metadata_errors="ignore")
        except self._av.error.ArgumentError:  # of a container that is not on the list
            raise DecodingError("it is in no container that is read") from None
        except self._av.error.FFmpegError as error:
            raise _refusal(error) from None
        if not self._container.streams.audio:
            self.close()
            raise DecodingError("it holds no sound")
        stream = self._container.streams.audio[0]
        stream.codec_context.thread_count = 1
        self.subtype = str(stream.codec_context.name)
        self._frames = self._decoded(stream)
        try:
            first = next(self._frames, None)  # whose rate is the true one: that of HE-AAC is twice the stated one
        except DecodingError:
            self.close()
            raise
        if first is None:
            self.close()
            raise DecodingError("no frame of sound in it can be decoded")
        self.samplerate = int(first.sample_rate)
        self._channels = int(first.layout.nb_channels)
        self._left = self._samples(first)
        self.frames = self._stated(stream)

    def read(self, frames: int, dtype: str = "float32", always_2d: bool = True) -> np.ndarray:
        """Return the next samples, `(frames, channels)` float32; fewer at the end."""
        pieces, count = [self._left], len(self._left)
        while count < frames and (frame := next(self._frames, None)) is not None:
            pieces.append(self._samples(frame))
            count += len(pieces[-1])
        samples = np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
        self._left = samples[frames:].copy()
        return samples[:frames]

    def seek(self, frame: int) -> int:
        """Raise `DecodingError`: what a decoder gives after a seek depends on what came before."""
        raise DecodingError("it is read forwards alone")

    def close(self) -> None:
        self._container.close()

    def __enter__(self) -> "CodecSound":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _decoded(self, stream: Any) -> Iterator[Any]:
        try:
            yield from self._container.decode(stream)
        except self._av.error.FFmpegError as error:
            raise _refusal(error) from None

    def _samples(self, frame: Any) -> np.ndarray:
        """Return the samples of a frame, `(samples, channels)`: integers divided by full scale, as libsndfile does."""
        if (rate_hz := int(frame.sample_rate)) != self.samplerate:
            raise DecodingError(f"its rate changes from {self.samplerate} to {rate_hz} Hz")
        if (channels := int(frame.layout.nb_channels)) != self._channels:
            raise DecodingError(f"its channels change from {self._channels} to {channels}")
        values = frame.to_ndarray()
        values = values.T if frame.format.is_planar else values.reshape(-1, channels)
        scale = _FULL_SCALE.get(frame.format.name.removesuffix("p"))
        if scale is None:
            return np.ascontiguousarray(values, np.float32)
        if values.dtype == np.uint8:
            values = values.astype(np.int16) - scale
        return np.ascontiguousarray(values, np.float32) / np.float32(scale)

    def _stated(self, stream: Any) -> int:
        """Return the samples that an MP4 file must have by its table of frames; of others none is known."""
        if "mp4" not in self._container.format.name or not stream.duration:
            return UNKNOWN_FRAMES
        stated = round(stream.duration * stream.time_base * self.samplerate)
        return stated if self.subtype in _LOSSLESS else max(0, stated - _PRIMING)


def _av() -> ModuleType:
    try:
        import av
    except ImportError:
        raise MissingDecoderError(MISSING) from None
    return av


def _refusal(error: Any) -> DecodingError:
    """Return an error in FFmpeg's words, without number and path."""
    return DecodingError(str(error.strerror or error).rstrip("."))

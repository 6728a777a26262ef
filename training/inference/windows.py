"""Windows of recordings: parts of a recording, each as the tensor that a network reads."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from features.faults import FaultyError, checked_blocks
from features.recipe import ORIGINAL, SoundRecipe, TensorRecipe
from training.artefact import LearnedCorpus

if TYPE_CHECKING:
    from features.tensors.base import Tensor

ENDLESS = 1 << 62  # samples


@dataclass(frozen=True)
class Window:
    """Part of a recording.

    Attributes
    ----------
    start_s, end_s : float
        Place in the recording; both 0 for a ready-made spectrogram.
    weight : float
        Weight of its probabilities in the mean of the recording's.
    tensor : Tensor
        As the store of a corpus would hold it.
    """

    start_s: float
    end_s: float
    weight: float
    tensor: "Tensor"


class WindowReader:
    """Reader of the windows of recordings, for one recipe. Threads may read at the same time.

    A recording that is no longer than the longest of the corpus is heard as in training and evaluation: cut into as
    many segments, of which the recipe takes its part. Longer ones, or those that are longer than a window where a hop
    is given, are a timeline: windows of the recipe's length, one every hop, resampled as one stream.

    Parameters
    ----------
    recipe : TensorRecipe
    corpus : LearnedCorpus
    """

    def __init__(self, recipe: TensorRecipe, corpus: LearnedCorpus) -> None:
        from features.extractor import extractor_of  # its kernels take a second to load

        self._recipe = recipe
        self._corpus = corpus
        self._extractor = extractor_of(recipe)

    @property
    def samples(self) -> int:
        """Return the length of a window in samples at the recipe's rate."""
        assert isinstance(self._recipe, SoundRecipe)
        part = self._recipe.cut(ENDLESS)
        return int(part.stop - part.start)

    @property
    def window_s(self) -> float:
        """Return the length of a window in seconds."""
        assert isinstance(self._recipe, SoundRecipe)
        return self.samples / self._recipe.sample_rate_hz

    def of_sound(self, blocks: Iterable[np.ndarray], rate_hz: int, hop_s: float | None = None) -> Iterator[Window]:
        """Yield the windows of a recording, which is read as they are taken.

        Parameters
        ----------
        blocks : iterable of array of float32, shape (samples,)
        rate_hz : int
        hop_s : float, optional
            Step between the windows of a timeline; by default their length.

        Raises
        ------
        FaultyError
            If the index of a corpus would not take the recording, or the model reads no sound.
        """
        if not isinstance(self._recipe, SoundRecipe):
            raise FaultyError("expected a ready-made spectrogram on a line of a CSV table, got sound")
        blocks = iter(blocks)
        limit_s = self.window_s if hop_s is not None else self._corpus.longest_s or self.window_s
        held, samples = [], 0
        for block in blocks:
            held.append(block)
            samples += len(block)
            if samples > limit_s * rate_hz:
                step_s = self.window_s if hop_s is None else hop_s
                step = max(1.0, step_s * self._recipe.sample_rate_hz)
                yield from self._timeline(chain(held, blocks), rate_hz, step)
                return
        yield from self._as_trained(np.concatenate([np.zeros(0, np.float32), *held]), rate_hz)

    def of_values(self, values: np.ndarray) -> Iterator[Window]:
        """Yield the one window of a ready-made spectrogram `(values,)`. Raises `FaultyError` where it is none."""
        expected = int(np.prod(self._recipe.shape))
        if isinstance(self._recipe, SoundRecipe):
            raise FaultyError("expected sound, got a ready-made spectrogram")
        if len(values) != expected:
            raise FaultyError(f"expected {expected} values, got {len(values)}")
        for checked in checked_blocks([values]):
            yield Window(0.0, 0.0, 1.0, self._tensor(checked, 0)[0])

    def _as_trained(self, samples: np.ndarray, rate_hz: int) -> Iterator[Window]:
        """Yield the segments of a recording, in each the part that the recipe takes."""
        parts = self._corpus.segments
        if len(samples) < parts:
            raise FaultyError(f"too short to be cut into {parts} segments: {len(samples)} samples")
        for part in range(parts):
            start, end = len(samples) * part // parts, len(samples) * (part + 1) // parts
            tensor, before_s, length_s = self._tensor(samples[start:end], rate_hz)
            yield Window(start / rate_hz + before_s, start / rate_hz + before_s + length_s, 1.0, tensor)

    def _timeline(self, blocks: Iterator[np.ndarray], rate_hz: int, step: float) -> Iterator[Window]:
        """Yield windows that begin `step` samples after one another; a last one holds the rest, if none has heard it.

        That one is treated as a short recording is in training, and counts for as much of a window as it fills.
        """
        from features.audio import resample_blocks

        assert isinstance(self._recipe, SoundRecipe)
        length, own_hz = self.samples, self._recipe.sample_rate_hz
        buffer, begin = np.zeros(0, np.float32), 0
        number = start = heard = 0  # of the next window, where it begins, and the end of the last one

        def window(end: int) -> Window:
            tensor, _, _ = self._tensor(buffer[start - begin : end - begin], own_hz)
            return Window(start / own_hz, end / own_hz, (end - start) / length, tensor)

        for block in resample_blocks(blocks, rate_hz, own_hz):
            buffer = np.concatenate([buffer, block])
            while begin + len(buffer) >= start + length:
                yield window(start + length)
                number, heard = number + 1, start + length
                start = round(number * step)  # a sum of rounded steps would drift
            passed = min(max(start - begin, 0), len(buffer))
            buffer, begin = buffer[passed:].copy(), begin + passed
        end = begin + len(buffer)
        if start < end and heard < end:
            yield window(end)

    def _tensor(self, samples: np.ndarray, rate_hz: int) -> "tuple[Tensor, float, float]":
        """Return the tensor of a clip, and beginning and length in seconds of the part that it is made of."""
        clip = self._extractor.clip(samples, rate_hz)
        ((_, tensor),) = self._extractor.compute(clip, b"", [ORIGINAL])  # type: ignore[arg-type]  # its own clip
        if not isinstance(self._recipe, SoundRecipe):
            return tensor, 0.0, 0.0
        own_hz = self._recipe.sample_rate_hz
        part = self._recipe.cut(max(1, round(len(samples) * own_hz / rate_hz)))
        return tensor, part.start / own_hz, min(part.stop / own_hz, len(samples) / rate_hz) - part.start / own_hz

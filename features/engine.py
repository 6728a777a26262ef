"""All wanted variants of a clip in one pass."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from features.audio import content_hash, resample
from features.draws import generator
from features.faults import FaultyError, decode_checked
from features.fourier import Fourier
from features.recipe import ORIGINAL, AnyRecipe, SoundRecipe, SpectrogramRecipe
from features.sound import Clip, Sound
from features.tensors import Tensor, assembly
from features.tensors.base import channels_last


def drawn(recipe: AnyRecipe, content_hash: bytes) -> dict[str, dict[str, float]]:
    """What each augmentation draws for one recording, by variant; the recording itself is not needed."""
    if isinstance(recipe, SpectrogramRecipe):
        return {}
    return {
        name: augmentation.draw(generator(content_hash, name, recipe.seed))
        for name, augmentation in recipe.augmentations.items()
    }


class Engine:
    """Computes the tensors of one recipe. Made once, then sent to the workers with its constants.

    A clip's tensors are the same alone, in a batch and on any worker: no transform, product or reduction spans
    two clips, and whoever computes holds BLAS to one thread, since its sums depend on how many share them.
    """

    def __init__(self, recipe: SoundRecipe) -> None:
        self.recipe = recipe
        self.fourier = Fourier(recipe.n_fft, recipe.hop_length)
        self.assembly = assembly(recipe)

    def clip(self, samples: np.ndarray, sample_rate_hz: int) -> Clip:
        """The clip that all variants start from, out of mono float32 `(samples,)` at any rate.

        Resampled with soxr HQ, and cut as the recipe says.
        """
        samples = resample(samples, sample_rate_hz, self.recipe.sample_rate_hz)
        return Clip(samples[self.recipe.cut(len(samples))], self.fourier, self.recipe.sample_rate_hz)

    def waveform(self, clip: Clip, content_hash: bytes, variant: str) -> np.ndarray:
        """The waveform `(samples,)` float32 of one variant."""
        if variant == ORIGINAL:
            return clip.samples
        augmentation = self.recipe.augmentations[variant]
        rng = generator(content_hash, variant, self.recipe.seed)
        return augmentation.apply(clip, augmentation.draw(rng), rng)

    def compute(self, clip: Clip, content_hash: bytes, variants: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
        """The tensors of the named variants, one after the other."""
        for variant in variants:
            sound = clip if variant == ORIGINAL else Sound(self.waveform(clip, content_hash, variant), self.fourier)
            yield variant, self.assembly(sound)


class Ready:
    """As `Engine`, for spectrograms that are there already: their values are the samples."""

    def __init__(self, recipe: SpectrogramRecipe) -> None:
        self.recipe = recipe

    def clip(self, samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        """The spectrogram `(rows, frames)` from its values `(rows · frames,)`, row after row."""
        return samples.reshape(self.recipe.rows, self.recipe.frames)

    def compute(self, clip: np.ndarray, content_hash: bytes, variants: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
        """The tensor of the original."""
        values = channels_last(clip[np.newaxis], self.recipe.frames, self.recipe.dtype)
        statistics = np.array([(clip.mean(dtype=np.float64), clip.std(dtype=np.float64))])
        for variant in variants:
            yield variant, Tensor(values, statistics)


def engine_of(recipe: AnyRecipe) -> Engine | Ready:
    """What computes the tensors of any kind of recipe."""
    return Ready(recipe) if isinstance(recipe, SpectrogramRecipe) else Engine(recipe)


def extract(path: str | Path, recipe: SoundRecipe, variant: str = ORIGINAL) -> np.ndarray:
    """One variant of one audio file, the same bytes as in a store: in the shape of the recipe.

    Raises `ValueError` for a file that the index of a corpus would not take, with its reason, or if the recipe has no
    such variant, and `OSError` if the file cannot be read.
    """
    if variant not in recipe.variant_names:
        raise ValueError(f"expected one of {', '.join(recipe.variant_names)}, got {variant!r}")
    try:
        samples, rate_hz = decode_checked(path)
    except FaultyError as error:
        raise ValueError(f"{path}: {error}") from None
    engine = Engine(recipe)
    with threadpool_limits(limits=1):
        clip = engine.clip(samples, rate_hz)
        ((_, tensor),) = engine.compute(clip, content_hash(samples, rate_hz), [variant])
    return tensor.values

"""All wanted variants of a clip in one pass."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from features.audio import content_hash, decode, resample
from features.augmentations import Clip
from features.draws import generator
from features.fourier import Fourier, in_blocks
from features.recipe import ORIGINAL, Recipe
from features.tensor import Assembly, Tensor


def drawn(recipe: Recipe, content_hash: bytes) -> dict[str, dict[str, float]]:
    """What each augmentation draws for one recording, by variant; the recording itself is not needed."""
    return {
        name: augmentation.draw(generator(content_hash, name, recipe.seed))
        for name, augmentation in recipe.augmentations.items()
    }


class Engine:
    """Computes the tensors of one recipe. Made once, then sent to the workers with its constants.

    A clip's tensors are the same alone, in a batch and on any worker: no transform, product or reduction spans
    two clips, and whoever computes holds BLAS to one thread, since its sums depend on how many share them.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.fourier = Fourier(recipe.n_fft, recipe.hop_length)
        self.mel = mel_filters(recipe)

    @cached_property
    def assembly(self) -> Assembly:
        recipe = self.recipe
        return Assembly(recipe.n_mels, recipe.n_mfcc, recipe.frames, recipe.dtype)

    def clip(self, samples: np.ndarray, sample_rate_hz: int) -> Clip:
        """The clip that all variants start from, out of mono float32 `(samples,)` at any rate.

        Resampled with soxr HQ; more than `max_samples` are cut to that many around the centre.
        """
        samples = resample(samples, sample_rate_hz, self.recipe.sample_rate_hz)
        start = max(0, (len(samples) - self.recipe.max_samples) // 2)
        cut = samples[start : start + self.recipe.max_samples]
        return Clip(cut, self.recipe.sample_rate_hz, self.fourier)

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
            if variant == ORIGINAL:
                power = self.mel_power(in_blocks(clip.spectrum), len(clip.samples))
            else:
                waveform = self.waveform(clip, content_hash, variant)
                power = self.mel_power(self.fourier.blocks(waveform), len(waveform))
            yield variant, self.assembly(power)

    def mel_power(self, blocks: Iterable[tuple[slice, np.ndarray]], samples: int) -> np.ndarray:
        """Mel power `(n_mels, frames)` float32 from blocks of a spectrum of `samples` samples."""
        power = np.empty((self.recipe.n_mels, self.fourier.frames(samples)), np.float32)
        for where, spectrum in blocks:
            power[:, where] = self.mel @ (spectrum.real**2 + spectrum.imag**2).T
        return power


def extract(path: str | Path, recipe: Recipe, variant: str = ORIGINAL) -> np.ndarray:
    """One variant of one audio file, the same bytes as in a store: `(rows, frames, 4)`.

    Raises `soundfile.SoundFileError` if the file cannot be decoded, `ValueError` if it holds no samples or some
    that are not finite, or if the recipe has no such variant.
    """
    if variant not in recipe.variant_names:
        raise ValueError(f"expected one of {', '.join(recipe.variant_names)}, got {variant!r}")
    samples, rate_hz = decode(path)
    if not len(samples) or not np.isfinite(samples).all():
        raise ValueError(f"{path}: expected finite samples, found {'some that are not' if len(samples) else 'none'}")
    engine = Engine(recipe)
    with threadpool_limits(limits=1):
        clip = engine.clip(samples, rate_hz)
        ((_, tensor),) = engine.compute(clip, content_hash(samples, rate_hz), [variant])
    return tensor.values


def mel_filters(recipe: Recipe) -> np.ndarray:
    """librosa's Slaney mel filters of a recipe: `(n_mels, bins)` float32.

    librosa takes seconds to import, so it is imported here alone, and never in a worker.
    """
    from librosa.filters import mel

    return mel(
        sr=recipe.sample_rate_hz,
        n_fft=recipe.n_fft,
        n_mels=recipe.n_mels,
        fmin=recipe.fmin_hz,
        fmax=recipe.fmax_hz,
    )

"""Extractors, which compute the variants of a clip in one pass."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from threadpoolctl import threadpool_limits

from features.audio import content_hash, join_blocks, resample, resample_blocks, resampled_length
from features.augmentations import AUGMENTATIONS
from features.draws import generator
from features.faults import FaultyError, decode_checked
from features.fourier import Fourier
from features.many_draws import ManyGenerators, as_numpy_draws
from features.recipe import ORIGINAL, SoundRecipe, TensorRecipe
from features.sound import Clip, Sound
from features.tensors import assembly_of
from features.tensors.base import Tensor


def draw_parameters(recipe: TensorRecipe, content_hash: bytes) -> dict[str, dict[str, float]]:
    """Draw the parameters of each augmentation for one recording, by variant; the recording itself is not needed."""
    if not isinstance(recipe, SoundRecipe):
        return {}
    return {
        name: augmentation.draw(generator(content_hash, name, recipe.seed))
        for name, augmentation in recipe.augmentations.items()
    }


def draw_many(recipe: TensorRecipe, content_hashes: Sequence[bytes]) -> dict[str, dict[str, np.ndarray]]:
    """Draw the parameters of each augmentation for many recordings, `(recordings,)` float64 by variant and name.

    They are those of `draw_parameters`. The built-in augmentations draw for all recordings at once, others one by one.
    """
    drawn: dict[str, dict[str, np.ndarray]] = {}
    for name, augmentation in recipe.augmentations.items():
        if type(augmentation) in AUGMENTATIONS.values() and as_numpy_draws():
            generators = ManyGenerators(content_hashes, name, cast(SoundRecipe, recipe).seed)
            values = augmentation.draw(cast(np.random.Generator, generators))
            drawn[name] = {parameter: np.asarray(value) for parameter, value in values.items()}
            continue
        columns: dict[str, np.ndarray] = drawn.setdefault(name, {})
        for place, content in enumerate(content_hashes):
            rng = generator(content, name, cast(SoundRecipe, recipe).seed)
            for parameter, value in augmentation.draw(rng).items():
                columns.setdefault(parameter, np.full(len(content_hashes), np.nan))[place] = value
    return drawn


class FeatureExtractor:
    """Extractor of the tensors of one recipe. It is built once, and sent to the workers with its constants.

    A clip's tensors are the same alone, in a batch and on any worker: no transform, product or reduction spans
    two clips, and no product is left to BLAS, whose sums depend on its threads.
    """

    def __init__(self, recipe: SoundRecipe) -> None:
        self.recipe = recipe
        self.fourier = Fourier(recipe.n_fft, recipe.hop_length)
        self.assembly = assembly_of(recipe)

    def clip(self, samples: np.ndarray, sample_rate_hz: int) -> Clip:
        """Return the clip that all variants start from, from mono float32 `(samples,)` at any rate.

        It is resampled with soxr HQ, and cut as the recipe says.
        """
        samples = resample(samples, sample_rate_hz, self.recipe.sample_rate_hz)
        return Clip(samples[self.recipe.cut(len(samples))], self.fourier, self.recipe.sample_rate_hz)

    def clip_of_blocks(self, blocks: Iterator[np.ndarray], sample_rate_hz: int, length: int) -> Clip:
        """Return the same clip of a recording of `length` samples that comes in blocks, which are all taken.

        Of a long recording it holds no more than the cut.
        """
        own_hz = self.recipe.sample_rate_hz
        cut = self.recipe.cut(resampled_length(length, sample_rate_hz, own_hz))
        kept, end = [], 0
        for block in resample_blocks(blocks, sample_rate_hz, own_hz):
            begin, end = end, end + len(block)
            if begin < cut.stop and cut.start < end:
                kept.append(block[max(0, cut.start - begin) : cut.stop - begin].copy())
        return Clip(join_blocks(kept), self.fourier, own_hz)

    def waveform(self, clip: Clip, content_hash: bytes, variant: str) -> np.ndarray:
        """Return the waveform `(samples,)` float32 of one variant."""
        if variant == ORIGINAL:
            return clip.samples
        augmentation = self.recipe.augmentations[variant]
        rng = generator(content_hash, variant, self.recipe.seed)
        return augmentation.apply(clip, augmentation.draw(rng), rng)

    def compute(self, clip: Clip, content_hash: bytes, variants: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
        """Yield the tensors of the named variants, one after the other."""
        for variant in variants:
            sound = clip if variant == ORIGINAL else Sound(self.waveform(clip, content_hash, variant), self.fourier)
            yield variant, self.assembly(sound)


class PassThroughExtractor:
    """Extractor for corpora of ready-made tensors; `samples` holds their values."""

    def __init__(self, recipe: TensorRecipe) -> None:
        self.recipe = recipe
        self.assembly = assembly_of(recipe)

    def clip(self, samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        """Return the values as they are."""
        return samples

    def compute(self, clip: np.ndarray, content_hash: bytes, variants: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
        """Yield the tensor of the original, which is the only variant."""
        for variant in variants:
            yield variant, self.assembly(clip)


def extractor_of(recipe: TensorRecipe) -> FeatureExtractor | PassThroughExtractor:
    """Return the extractor for a recipe of any kind."""
    return FeatureExtractor(recipe) if isinstance(recipe, SoundRecipe) else PassThroughExtractor(recipe)


def extract(path: str | Path, recipe: SoundRecipe, variant: str = ORIGINAL) -> np.ndarray:
    """Compute one variant of one audio file, in the shape of the recipe: the same bytes as in a store.

    Raises `ValueError` for a file that the index of a corpus would not take, with its reason, or if the recipe has no
    such variant, and `OSError` if the file cannot be read.
    """
    if variant not in recipe.variant_names:
        raise ValueError(f"expected one of {', '.join(recipe.variant_names)}, got {variant!r}")
    try:
        samples, rate_hz = decode_checked(path)
    except FaultyError as error:
        raise ValueError(f"{path}: {error}") from None
    extractor = FeatureExtractor(recipe)
    with threadpool_limits(limits=1):
        clip = extractor.clip(samples, rate_hz)
        ((_, tensor),) = extractor.compute(clip, content_hash(samples, rate_hz), [variant])
    return tensor.values

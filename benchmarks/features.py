"""The six variants of a 30 s clip, and an augmentation of a user's own, on one core."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.measure import Row, medians, row
from benchmarks.peers import librosa_vectorised, published_genre, scipy_fft
from features.draws import generator
from features.extractor import FeatureExtractor, draw_parameters
from features.own import own_part
from features.recipe import SoundRecipe
from features.tensors import recorded_recipe
from features.tensors.four_channel import Recipe

RATE_HZ = 22050
SECONDS = 30
CLIPS = 4  # with other draws each
STEADY_RUNS = 41  # where both sides differ by less than what else runs on a machine takes
OWN, REVERB = "reverb", str(Path("examples/own/reverb.py:Reverb").absolute())
UNIT = "ms per clip of 30 s, six variants, one core"
# Of librosa in double precision, for stretch and pitch; its phase vocoder in single precision is good to 26 dB.
LEAST_SNR_DB = 80.0


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    with threadpool_limits(limits=1):
        recipe = Recipe()
        engine = FeatureExtractor(recipe)
        clips = {hash_of(number): music(number) for number in range(CLIPS)}

        def ours() -> None:
            for content, samples in clips.items():
                for _ in engine.compute(engine.clip(samples, RATE_HZ), content, recipe.variant_names):
                    pass

        def theirs(peer: ModuleType) -> None:
            for content, samples in clips.items():
                peer.six_variants(samples, *draws(recipe, content, len(samples)))

        frames = CLIPS * engine.fourier.frames(SECONDS * RATE_HZ)
        others: dict[str, tuple[str, Callable[[], None]]] = {
            "librosa": ("librosa 0.11, vectorised, one shared STFT", partial(theirs, librosa_vectorised)),
            "published": ("librosa's effects, a spline object per frame", partial(theirs, published_genre)),
            "fft_floor": ("nine bare FFT passes of scipy.fft", scipy_fft.passes(frames, recipe.n_fft)),
        }
        peers = {"librosa": librosa_vectorised, "published": published_genre}
        for which, (other_name, other) in others.items():
            if wanted(name := f"features/six_variants_vs_{which}"):
                if which in peers:
                    check(engine, clips, peers[which])
                mine, theirs_s = medians(ours, other)
                yield row(name, UNIT, mine / CLIPS, theirs_s / CLIPS, other_name)
        if wanted(name := "features/own_augmentation_overhead"):
            yield own_augmentation(name, clips)


def own_augmentation(name: str, clips: dict[bytes, np.ndarray]) -> Row:
    """An augmentation of a user's own as builds call it, over its class by itself with the same random numbers."""
    recipe = recorded_recipe({"kind": "four_channel", "variants": {OWN: {"class": REVERB}}})
    assert isinstance(recipe, SoundRecipe)
    engine = FeatureExtractor(recipe)
    reverb = own_part(REVERB).made()
    sounds = {content: engine.clip(samples, RATE_HZ) for content, samples in clips.items()}

    def ours() -> list[np.ndarray]:
        return [engine.waveform(clip, content, OWN) for content, clip in sounds.items()]

    def alone() -> list[np.ndarray]:
        rngs = [generator(content, OWN, recipe.seed) for content in sounds]
        return [reverb.apply(clip, reverb.draw(rng), rng) for rng, clip in zip(rngs, sounds.values(), strict=True)]

    for built, by_itself in zip(ours(), alone(), strict=True):
        np.testing.assert_array_equal(built, by_itself)
    mine, theirs_s = medians(ours, alone, runs=STEADY_RUNS)
    return row(
        name,
        "ms per clip of 30 s, one core",
        mine / CLIPS,
        theirs_s / CLIPS,
        "the class of examples/own/reverb.py by itself",
    )


def music(number: int) -> np.ndarray:
    """30 s of chords over noise, float32."""
    rng = np.random.default_rng(number)
    t = np.arange(SECONDS * RATE_HZ) / RATE_HZ
    chord = sum(
        np.sin(2 * np.pi * hz * t * (1 + 0.001 * np.sin(5 * t))) * np.exp(-3 * ((2 * t) % 1)) / k
        for k, hz in enumerate(110 * 2 ** (rng.integers(0, 36, 6) / 12), 1)
    )
    return (0.2 * chord + 0.003 * rng.standard_normal(len(t))).astype(np.float32)


def hash_of(number: int) -> bytes:
    return bytes([number]) * 16


def draws(
    recipe: SoundRecipe, content: bytes, samples: int
) -> tuple[dict[str, dict[str, float]], Callable[[], np.ndarray]]:
    """Draw what the recipe draws for a clip, and the noise that follows, for whoever computes it otherwise."""

    def noise() -> np.ndarray:
        rng = generator(content, "noise", recipe.seed)
        recipe.augmentations["noise"].draw(rng)
        return rng.standard_normal(samples, dtype=np.float32)

    return draw_parameters(recipe, content), noise


def check(engine: FeatureExtractor, clips: dict[bytes, np.ndarray], peer: ModuleType) -> None:
    """A peer is timed only if it computes the same. Raises `AssertionError`."""
    recipe = engine.recipe
    content, samples = next(iter(clips.items()))
    clip = engine.clip(samples, RATE_HZ)
    ours = {variant: tensor.values for variant, tensor in engine.compute(clip, content, recipe.variant_names)}
    theirs = peer.six_variants(samples, *draws(recipe, content, len(samples)))
    assert ours.keys() == theirs.keys()
    for variant in ("original", "noise", "shift", "rolloff"):
        np.testing.assert_allclose(theirs[variant], ours[variant], rtol=2e-3, atol=4e-3, err_msg=variant)
    for variant, waveform in librosa_vectorised.exactly(samples, draw_parameters(recipe, content)).items():
        error = engine.waveform(clip, content, variant) - waveform
        assert 10 * np.log10(np.sum(waveform**2) / np.sum(error**2)) > LEAST_SNR_DB, variant

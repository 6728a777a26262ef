"""Independence of clips, golden values, and other recipes through the same engine."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from features.audio import content_hash, decode
from features.extractor import FeatureExtractor
from features.recipe import KERNEL_VERSION
from features.tensors import AnyRecipe
from features.tensors.four_channel import Recipe
from features.tensors.log_mel import LogMelRecipe
from features.tensors.waveform import WaveformRecipe

GOLDEN = Path(__file__).with_name("golden.json")


def signal(seed: int, samples: int = 40_000) -> np.ndarray:
    t = np.arange(samples) / 22050
    rng = np.random.default_rng(seed)
    return (0.3 * np.sin(2 * np.pi * (200 + 100 * seed) * t * (1 + t)) + 0.02 * rng.standard_normal(samples)).astype(
        np.float32
    )


def tensors(engine: FeatureExtractor, samples: np.ndarray, rate_hz: int = 22050) -> dict[str, bytes]:
    clip = engine.clip(samples, rate_hz)
    names = engine.recipe.variant_names
    found = engine.compute(clip, content_hash(samples, rate_hz), names)
    return {name: tensor.values.tobytes() + tensor.statistics.tobytes() for name, tensor in found}


def test_a_clip_is_the_same_alone_and_after_others(recipe: Recipe) -> None:
    engine = FeatureExtractor(recipe)
    together = [tensors(engine, signal(seed, 20_000 + 7000 * seed)) for seed in range(4)]
    for seed in reversed(range(4)):
        assert tensors(FeatureExtractor(recipe), signal(seed, 20_000 + 7000 * seed)) == together[seed]


def test_a_variant_is_the_same_without_the_others(recipe: Recipe) -> None:
    samples = signal(1)
    every = dict(
        FeatureExtractor(recipe).compute(FeatureExtractor(recipe).clip(samples, 22050), b"x" * 16, recipe.variant_names)
    )
    for name in recipe.variant_names:
        engine = FeatureExtractor(recipe)
        alone = dict(engine.compute(engine.clip(samples, 22050), b"x" * 16, [name]))[name]
        assert alone.values.tobytes() == every[name].values.tobytes()


@pytest.mark.parametrize("name", ["noise", "shift"])
def test_a_variant_costs_nothing_that_it_does_not_use(recipe: Recipe, name: str) -> None:
    engine = FeatureExtractor(recipe)
    clip = engine.clip(signal(1), 22050)
    assert [variant for variant, _ in engine.compute(clip, b"x" * 16, [name])] == [name]
    assert "spectrum" not in vars(clip)
    list(engine.compute(clip, b"x" * 16, ["original", "rolloff"]))
    assert "spectrum" in vars(clip)
    assert "phasors" not in vars(clip)


def test_no_byte_depends_on_the_kernels_that_blas_chooses() -> None:
    """OpenBLAS, numpy's and scipy's, goes by the processor it finds or is told of; other BLAS know no such variable."""
    script = "from tests.features.test_extractor import fingerprint; print(fingerprint())"
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"OPENBLAS_CORETYPE": core},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for core in ("Prescott", "Haswell", "SkylakeX")
    }
    assert found == {fingerprint() + "\n"}


def fingerprint() -> str:
    """Hash of every variant of a clip in each kind of recipe."""
    found = hashlib.blake2b()
    for kind in (Recipe(frames=99), LogMelRecipe(frames=80), WaveformRecipe(samples=7000)):
        for made in tensors(FeatureExtractor(kind), signal(3), 44100).values():
            found.update(made)
    return found.hexdigest()


@settings(max_examples=30)
@given(
    kind=st.sampled_from([Recipe(frames=40), LogMelRecipe(frames=30), WaveformRecipe(samples=7000)]),
    lengths=st.lists(st.integers(1, 20_000), min_size=1, max_size=4),
    rate_hz=st.sampled_from([8000, 22050, 44100]),
)
def test_a_batch_changes_no_byte(kind: AnyRecipe, lengths: list[int], rate_hz: int) -> None:
    """Alone, by a new engine, or in a batch by one that has seen other clips: the same."""
    engine = FeatureExtractor(kind)
    together = [tensors(engine, signal(place, length), rate_hz) for place, length in enumerate(lengths)]
    for place in reversed(range(len(lengths))):
        assert tensors(FeatureExtractor(kind), signal(place, lengths[place]), rate_hz) == together[place]
    for found in engine.compute(engine.clip(signal(0, lengths[0]), rate_hz), b"x" * 16, kind.variant_names):
        values = found[1].values
        assert values.shape == kind.shape
        assert values.dtype == kind.dtype
        assert np.isfinite(values).all()
        assert found[1].statistics.shape == (len(kind.statistics), 2)


def test_output_changes_only_with_a_kernel_version(recipe: Recipe) -> None:
    """Compares with recorded values, to a tolerance that covers other processors.

    After a deliberate change raise KERNEL_VERSION, or the augmentation's version, and write golden.json anew with
    `python tests/features/test_extractor.py`.
    """
    recorded = json.loads(GOLDEN.read_text())
    current = golden(recipe)
    assert current["versions"] == recorded["versions"]
    for name, values in recorded["values"].items():
        np.testing.assert_allclose(current["values"][name], values, rtol=2e-3, atol=2e-3, err_msg=name)


def golden(recipe: Recipe) -> dict[str, dict[str, object]]:
    engine = FeatureExtractor(recipe)
    samples = signal(2, 60_000)
    # At 44.1 kHz and longer than the recipe, so that resampling and cutting count as well.
    found = engine.compute(engine.clip(samples, 44100), b"golden content 0", recipe.variant_names)
    versions = {"kernel": KERNEL_VERSION} | {name: made.version for name, made in recipe.augmentations.items()}
    values = {name: tensor.values[3::25, 1::7].astype(float).round(5).ravel().tolist() for name, tensor in found}
    return {"versions": versions, "values": values}


@settings(max_examples=30)
@given(
    samples=st.integers(1, 30_000),
    rate_hz=st.sampled_from([8000, 16000, 22050, 44100, 48000]),
    n_fft=st.sampled_from([64, 256, 1000, 2048]),
    share=st.sampled_from([1, 2, 3, 4]),
    n_mels=st.sampled_from([13, 40, 128]),
    frames=st.integers(2, 80),
    dtype=st.sampled_from(["float16", "float32"]),
    kind=st.sampled_from(["noise", "silence", "constant", "impulse"]),
)
@pytest.mark.filterwarnings("ignore:Empty filters detected:UserWarning")  # 128 mels over 33 bins: librosa's to say
def test_any_recipe_gives_finite_tensors_of_its_shape(
    samples: int, rate_hz: int, n_fft: int, share: int, n_mels: int, frames: int, dtype: str, kind: str
) -> None:
    recipe = Recipe(
        sample_rate_hz=16000, n_fft=n_fft, hop_length=n_fft // share, n_mels=n_mels, frames=frames, dtype=dtype
    )
    source = {
        "noise": np.random.default_rng(samples).standard_normal(samples),
        "silence": np.zeros(samples),
        "constant": np.ones(samples),
        "impulse": np.eye(1, samples, samples // 2)[0],
    }[kind].astype(np.float32)
    engine = FeatureExtractor(recipe)
    clip = engine.clip(source, rate_hz)
    for name, tensor in engine.compute(clip, content_hash(source, rate_hz), recipe.variant_names):
        assert tensor.values.shape == recipe.shape, name
        assert tensor.values.dtype == dtype
        assert np.isfinite(tensor.values).all(), name
        assert np.isfinite(tensor.statistics).all(), name


@pytest.mark.parametrize("band_hz", [(20.0, 8000.0), None])
@pytest.mark.parametrize("level", [0.5, -0.3, 1e-3])
def test_a_constant_waveform_is_silent(band_hz: tuple[float, float] | None, level: float) -> None:
    engine = FeatureExtractor(WaveformRecipe(samples=5000, band_hz=band_hz, variants={"noise": None, "rolloff": None}))
    constant = np.full(8000, level, np.float32)
    for samples in (constant, np.zeros(8000, np.float32)):
        clip = engine.clip(samples, 44100)
        ((_, tensor),) = engine.compute(clip, b"x" * 16, ["original"])
        assert not tensor.values.any()
        assert tensor.statistics[0, 1] == 0
    faint = constant + (1e-4 * level * np.sin(np.arange(8000))).astype(np.float32)
    ((_, tensor),) = engine.compute(engine.clip(faint, 44100), b"x" * 16, ["original"])
    assert np.abs(tensor.values).max() > 0.5


def test_a_wav_and_its_flac_twin_hash_alike(tmp_path: Path) -> None:
    mono = (signal(0) * 32767).astype(np.int16)
    for name, samples in (("a.wav", mono), ("a.flac", mono), ("stereo.wav", np.stack([mono, mono], axis=1))):
        soundfile.write(tmp_path / name, samples, 22050, subtype="PCM_16")
    hashes = {content_hash(*decode(tmp_path / name)) for name in ("a.wav", "a.flac", "stereo.wav")}
    assert len(hashes) == 1


def test_the_rate_is_part_of_the_content() -> None:
    assert content_hash(signal(0), 22050) != content_hash(signal(0), 44100)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(golden(Recipe(frames=24)), indent=1) + "\n")

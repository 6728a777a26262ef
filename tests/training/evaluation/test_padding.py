"""Real frames of tensors that are padded as stores pad them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from stores_of import small_store

from features.tensors.base import channels_last
from features.tensors.four_channel import Recipe
from training.evaluation.padding import real_span


@pytest.mark.parametrize("count", [2, 3, 4, 7, 20, 39, 40, 41, 60])
@pytest.mark.parametrize("planes", [1, 4])
def test_reflected_frames_are_known_by_those_that_they_repeat(count: int, planes: int) -> None:
    frames = 40
    real = np.random.default_rng(count).standard_normal((planes, 8, min(count, frames))).astype(np.float32)
    stored = channels_last(real, frames, "float16").transpose(2, 0, 1)
    span = real_span(stored)
    assert (span.begin, span.frames) == ((frames - min(count, frames)) // 2, min(count, frames))
    np.testing.assert_array_equal(stored[..., span.sources], stored)
    assert set(span.sources.tolist()) == set(range(span.begin, span.end))
    np.testing.assert_array_equal(stored[..., span.begin : span.end], real.astype(np.float16))


@pytest.mark.parametrize("layout", ["dense", "compact"])
def test_clips_of_a_store_have_the_frames_of_their_recordings(tmp_path: Path, layout: str) -> None:
    recipe = Recipe(frames=48, n_mels=32, layout=layout)
    store = small_store(tmp_path, "a", 3, recipe)
    for row, name in enumerate(store.rows["id"].to_pylist()):
        clip = store.clip(row)
        values = clip if layout == "compact" else clip.transpose(2, 0, 1)
        samples = soundfile.info(tmp_path / "corpus" / name).frames
        assert real_span(values).frames == 1 + samples // recipe.hop_length < recipe.frames


def test_the_zeros_after_a_short_waveform_are_not_real() -> None:
    samples = np.zeros(100, np.float32)
    samples[[3, 60]] = 1.0
    span = real_span(samples)
    assert (span.begin, span.end) == (0, 61)
    assert span.sources.tolist() == list(range(100))
    assert real_span(np.zeros(100, np.float32)).frames == 100


def test_silence_at_both_ends_leaves_what_sounds() -> None:
    values = np.zeros((1, 4, 30))
    values[..., 10:20] = np.random.default_rng(0).standard_normal((1, 4, 10))
    span = real_span(values)
    assert span.begin < 10
    assert span.end > 19
    np.testing.assert_array_equal(values[..., span.sources], values)
    assert real_span(np.zeros((2, 1))).frames == 1

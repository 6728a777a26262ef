"""Windows of recordings: cut as in training up to the longest recording of the corpus, a timeline beyond."""

from itertools import pairwise

import numpy as np
import pytest
from corpora import tone
from trained import ONLY_ORIGINAL

from features.audio import resample, resample_blocks
from features.extractor import FeatureExtractor
from features.faults import FaultyError
from features.recipe import SoundRecipe
from features.tensors.four_channel import Recipe
from features.tensors.spectrogram import SpectrogramRecipe
from features.tensors.waveform import WaveformRecipe
from training.artefact import LearnedCorpus
from training.inference.sounds import sample_blocks
from training.inference.windows import Window, WindowReader

FOUR = Recipe(frames=11, n_mels=32, variants=ONLY_ORIGINAL)  # windows of 10 hops of 512 samples
WAVES = WaveformRecipe(sample_rate_hz=8000, samples=2000, band_hz=(20.0, 3000.0), variants=ONLY_ORIGINAL)


def corpus(longest_s: float | None = None, segments: int = 1) -> LearnedCorpus:
    return LearnedCorpus(name="tones", identity="", clips=1, segments=segments, longest_s=longest_s)


def windows(
    recipe: SoundRecipe, samples: np.ndarray, rate_hz: int, learned: LearnedCorpus, hop_s: float | None = None
) -> list[Window]:
    return list(WindowReader(recipe, learned).of_sound(*sample_blocks(samples, rate_hz), hop_s))


def tensor_of(recipe: SoundRecipe, samples: np.ndarray, rate_hz: int) -> np.ndarray:
    extractor = FeatureExtractor(recipe)
    ((_, tensor),) = extractor.compute(extractor.clip(samples, rate_hz), b"", ["original"])
    return tensor.values


@pytest.mark.parametrize("rates_hz", [(44100, 22050), (48000, 22050), (8000, 22050), (22050, 22050), (192000, 8000)])
@pytest.mark.parametrize("samples", [1, 3, 5000, 300_000])
def test_blocks_are_resampled_as_one_recording_is(rates_hz: tuple[int, int], samples: int) -> None:
    sound = np.random.default_rng(0).standard_normal(samples).astype(np.float32)
    parts = list(resample_blocks(np.array_split(sound, 3), *rates_hz))
    together = np.concatenate(parts)
    expected = resample(sound, *rates_hz)
    np.testing.assert_array_equal(together, expected if len(together) else together)
    assert len(expected) - len(together) in ((0, 1) if samples < 4 else (0,))


def test_a_low_rate_makes_no_large_blocks() -> None:
    sound = np.random.default_rng(0).standard_normal(40_000).astype(np.float32)
    parts = list(resample_blocks([sound], 100, 22050))  # 8 820 000 samples
    assert max(map(len, parts)) < 1_000_000
    np.testing.assert_array_equal(np.concatenate(parts), resample(sound, 100, 22050))


@pytest.mark.parametrize(("recipe", "cut"), [(FOUR, slice(2952, 2952 + 5120)), (WAVES, slice(9025, 11025))])
def test_a_recording_no_longer_than_the_corpus_is_cut_as_in_training(recipe: SoundRecipe, cut: slice) -> None:
    rate_hz = recipe.sample_rate_hz
    sound = tone(500, 11025 / rate_hz, rate_hz=rate_hz)
    (window,) = windows(recipe, sound, rate_hz, corpus(longest_s=11025 / rate_hz))
    np.testing.assert_array_equal(window.tensor.values, tensor_of(recipe, sound, rate_hz))
    assert window.start_s == pytest.approx(cut.start / rate_hz)
    assert window.end_s - window.start_s == pytest.approx((cut.stop - cut.start) / rate_hz)
    assert len(windows(recipe, sound, rate_hz, corpus(longest_s=11024 / rate_hz))) > 1


def test_segments_are_equal_parts_as_the_corpus_has_them() -> None:
    sound = tone(500, 0.7)
    parts = windows(FOUR, sound, 22050, corpus(longest_s=2.0, segments=3))
    for number, window in enumerate(parts):
        part = sound[len(sound) * number // 3 : len(sound) * (number + 1) // 3]
        np.testing.assert_array_equal(window.tensor.values, tensor_of(FOUR, part, 22050))
    assert [window.weight for window in parts] == [1, 1, 1]
    assert all(before.end_s <= after.start_s for before, after in pairwise(parts))
    with pytest.raises(FaultyError, match="too short to be cut into 3 segments: 2 samples"):
        windows(FOUR, sound[:2], 22050, corpus(longest_s=2.0, segments=3))


@pytest.mark.parametrize(("samples", "starts", "weight"), [(15360, 3, 1.0), (15361, 4, 1 / 5120), (12800, 3, 0.5)])
def test_a_timeline_has_windows_side_by_side_and_the_rest_is_a_short_recording(
    samples: int, starts: int, weight: float
) -> None:
    sound = tone(500, samples / 22050)
    timeline = windows(FOUR, sound, 22050, corpus())
    assert [window.start_s for window in timeline] == pytest.approx([5120 * n / 22050 for n in range(starts)])
    assert [window.weight for window in timeline] == [*[1.0] * (starts - 1), pytest.approx(weight)]
    for number, window in enumerate(timeline):
        part = sound[5120 * number : 5120 * (number + 1)]
        np.testing.assert_array_equal(window.tensor.values, tensor_of(FOUR, part, 22050))
    assert timeline[-1].end_s == pytest.approx(samples / 22050)


@pytest.mark.parametrize("hop", [1000, 5120, 7000, 40_000])
def test_with_a_hop_every_sample_is_heard_that_lies_in_a_window(hop: int) -> None:
    sound = tone(500, 30_000 / 22050)
    timeline = windows(FOUR, sound, 22050, corpus(longest_s=99.0), hop_s=hop / 22050)
    whole = [start for start in range(0, 30_000, hop) if start + 5120 <= 30_000]
    following = len(whole) * hop  # the rest, unless the last window ends with the recording
    expected = [*whole, following] if following < 30_000 and whole[-1] + 5120 < 30_000 else whole
    assert [round(window.start_s * 22050) for window in timeline] == expected
    for window in timeline:
        start = round(window.start_s * 22050)
        np.testing.assert_array_equal(window.tensor.values, tensor_of(FOUR, sound[start : start + 5120], 22050))


def test_a_hop_between_samples_does_not_drift() -> None:
    timeline = windows(FOUR, tone(500, 3.0), 22050, corpus(), hop_s=0.01)  # 220.5 samples
    assert len(timeline) > 250
    assert [window.start_s for window in timeline] == pytest.approx([0.01 * n for n in range(len(timeline))], abs=3e-5)


def test_a_recording_no_longer_than_a_window_needs_no_timeline() -> None:
    sound = tone(500, 5120 / 22050)
    assert len(windows(FOUR, sound, 22050, corpus(), hop_s=0.01)) == 1
    assert len(windows(FOUR, np.append(sound, sound[:1]), 22050, corpus(), hop_s=0.01)) > 1


def test_a_timeline_holds_a_window_and_a_block_at_a_time() -> None:
    """And gives its first window before the recording has ended."""
    taken = 0

    def blocks() -> object:
        nonlocal taken
        while True:
            taken += 1
            yield np.full(4096, 0.1, np.float32)

    endless = WindowReader(FOUR, corpus()).of_sound(blocks(), 22050)  # type: ignore[arg-type]  # an iterator
    for number in range(50):
        assert next(endless).start_s == pytest.approx(number * 5120 / 22050)
        assert taken <= (number + 1) * 5120 / 4096 + 2


def test_faults_are_those_of_an_index() -> None:
    sound = tone(500, 2.0)
    sound[-1] = np.nan
    for learned in (corpus(), corpus(longest_s=9.0)):
        with pytest.raises(FaultyError, match="NaN or infinite samples"):
            windows(FOUR, sound, 22050, learned)
    with pytest.raises(FaultyError, match="no samples"):
        windows(FOUR, sound[:0], 22050, corpus())
    with pytest.raises(FaultyError, match="expected sound, got a ready-made spectrogram"):
        list(WindowReader(FOUR, corpus()).of_values(np.zeros(9, np.float32)))
    table = WindowReader(SpectrogramRecipe(rows=2, frames=3), corpus())
    with pytest.raises(FaultyError, match="expected 6 values, got 5"):
        list(table.of_values(np.zeros(5, np.float32)))
    with pytest.raises(FaultyError, match="expected a ready-made spectrogram on a line of a CSV table, got sound"):
        list(table.of_sound(*sample_blocks(sound, 22050)))
    (window,) = table.of_values(np.arange(6, dtype=np.float32))
    assert window.tensor.values[..., 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_samples_are_floats_with_a_rate() -> None:
    stereo = np.stack([tone(300, 0.1), tone(500, 0.1)], axis=1).astype(np.float64)
    blocks, rate_hz = sample_blocks(stereo, 8000)
    np.testing.assert_allclose(np.concatenate(list(blocks)), stereo.mean(axis=1), atol=1e-6)
    assert rate_hz == 8000
    for rate in (None, 0, 0.5, -3, 2**40):
        with pytest.raises(ValueError, match="rate_hz: expected the sample rate"):
            sample_blocks(stereo, rate)  # type: ignore[arg-type]  # as a user may
    with pytest.raises(ValueError, match="expected floats in ±1, got int16"):
        sample_blocks(np.zeros(9, np.int16), 8000)
    with pytest.raises(ValueError, match="expected the shape"):
        sample_blocks(np.zeros((2, 2, 2)), 8000)
    with pytest.raises(FaultyError, match="NaN or infinite"):
        list(sample_blocks(np.full(9, 1e300), 8000)[0])

"""Statistics of rows against numpy, for every form that a clip has in a store."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stores_of import RECIPE, random_store, small_store

from features.tensors.four_channel import Recipe
from features.tensors.waveform import WaveformRecipe
from stores import Store
from training.evaluation.row_statistics import row_statistics
from training.stream import ClipStream


def stream(store: Store, rows: list[int], **options: Any) -> ClipStream:
    return ClipStream(store, rows, np.zeros(len(store), np.int64), batch_size=4, expand=False, **options)


def test_rows_of_channels_have_their_mean_and_deviation(tmp_path: Path) -> None:
    store = random_store(tmp_path / "store", 11, (6, 9, 4))
    rows = [7, 0, 3, 10, 2, 9]
    numbers = row_statistics(stream(store, rows))
    assert (numbers.shape, numbers.dtype) == ((6, 2 * 6 * 4), np.float32)
    for row, found in zip(rows, numbers, strict=True):
        clip = store.clip(row).astype(np.float64)
        expected = [clip.mean(axis=1).T.ravel(), clip.std(axis=1).T.ravel()]
        assert found == pytest.approx(np.concatenate(expected), abs=1e-5)


def test_compact_rows_are_taken_as_they_lie(tmp_path: Path) -> None:
    recipe = Recipe(frames=RECIPE.frames, n_mels=RECIPE.n_mels, layout="compact")
    store = small_store(tmp_path, "a", 2, recipe)
    clip = store.clip(1).astype(np.float64)
    (found,) = row_statistics(stream(store, [1]))
    assert found == pytest.approx(np.concatenate([clip.mean(axis=1), clip.std(axis=1)]), abs=1e-5)


def test_what_a_clip_was_normalised_by_comes_last(tmp_path: Path) -> None:
    store = small_store(tmp_path, "ab", 2)
    without, found = (row_statistics(stream(store, [2, 0], statistics=given)) for given in (False, True))
    assert np.array_equal(found[:, :-10], without)
    assert np.array_equal(found[:, -10:], store.statistics()[[2, 0]].reshape(2, 10).astype(np.float32))


@pytest.mark.parametrize("samples", [40, 3000])
def test_rows_of_a_waveform_are_the_bins_of_its_spectrum(tmp_path: Path, samples: int) -> None:
    recipe = WaveformRecipe(sample_rate_hz=8000, samples=samples, n_fft=64, hop_length=32, band_hz=None)
    store = small_store(tmp_path, "a", 2, recipe)
    (found,) = row_statistics(stream(store, [1]))
    padded = np.pad(store.clip(1).astype(np.float64), 32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 64)[::32]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(64) / 64)
    level_db = 10 * np.log10(np.abs(np.fft.rfft(frames * window)) ** 2 + 1e-10)
    assert found == pytest.approx(np.concatenate([level_db.mean(axis=0), level_db.std(axis=0)]), abs=0.02)


def test_no_bit_depends_on_threads_or_batches(tmp_path: Path) -> None:
    store = random_store(tmp_path / "store", 20, (6, 50, 4))
    rows, threads = list(range(20)), torch.get_num_threads()
    results = []
    try:
        for count, batch_size in ((1, 3), (2, 20)):
            torch.set_num_threads(count)
            results.append(row_statistics(ClipStream(store, rows, np.zeros(20, np.int64), batch_size=batch_size)))
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(*results)

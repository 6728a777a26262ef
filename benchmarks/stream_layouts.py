"""One shuffled epoch of a store against another one of the same clips: other shards, or another choice of variants."""

import os
from collections.abc import Callable, Iterator
from typing import Any, Literal
from unittest.mock import patch

import numpy as np

from benchmarks.measure import Row, medians, row
from benchmarks.noise import noise, written
from benchmarks.scratch import scratch
from benchmarks.stream import BATCH, SHAPE, UNIT, Batches, taken, two_cores
from features.tensors.four_channel import Recipe
from stores import Store
from stores.open_files import OpenFiles, affordable
from training.stream import ClipStream

SHARDS = 1200  # of one clip each
CLIPS, VIEWS = 64, 6


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    many, one = "stream/many_shards_vs_few", "stream/one_vs_all"
    if not wanted(many) and not wanted(one):
        return
    with scratch() as folder, two_cores():
        clips = noise(SHAPE)
        if wanted(many):
            kept = affordable()
            with patch("stores.reader.open_files", lambda: OpenFiles(kept)):  # each as in a process of its own
                stores = [
                    written(folder / name, clips, Recipe(), count=SHARDS, clips_per_shard=size)
                    for name, size in (("many", 1), ("few", 64))
                ]
            os.sync()
            mine, theirs = compared(*(streamed(store, clips) for store in stores))
            unit = UNIT.replace(
                "two cores", f"{SHARDS} shards of one clip, {min(SHARDS, kept)} of them open, two cores"
            )
            yield row(many, unit, mine, theirs, "the same clips in shards of 64")
        if wanted(one):
            variants = tuple(f"variant{number}" for number in range(VIEWS))
            store = written(folder / "variants", clips, Recipe(), count=CLIPS, variants=variants)
            os.sync()
            drawn, all_of_them = streamed(store, clips, "one", VIEWS), streamed(store, clips)
            mine, theirs = compared(drawn, all_of_them)
            yield row(
                one, UNIT, mine, theirs, f"each of {VIEWS} variants, where ours draws one for each of {VIEWS} views"
            )


def streamed(store: Store, clips: np.ndarray, choice: Literal["all", "one"] = "all", views: int = 1) -> Batches:
    """Epochs of all variants of a store; the first two are compared with what they should hold."""
    labels = np.zeros(len(store), np.int64)
    options: dict[str, Any] = {"variants": store.variants, "choice": choice, "views": views}
    stream = ClipStream(store, np.arange(len(store)), labels, batch_size=BATCH, shuffle=True, **options)

    def epoch(seed: int) -> Iterator[tuple[Any, Any]]:
        stream.set_epoch(seed)
        for batch in stream:
            yield batch["features"].permute(0, 2, 3, 1), batch["row"] + len(store) * batch["variant"]

    for seed in range(2):
        seen: list[int] = []
        for batch, numbers in epoch(seed):
            variants, places = np.divmod(numbers.numpy(), len(store))
            expected = clips[(variants + places) % len(clips)]
            np.testing.assert_array_equal(batch.numpy().view(np.uint16), expected.view(np.uint16))
            seen += numbers.tolist()
        assert sorted(seen) == list(range(len(store) * len(store.variants)))
    return epoch


def compared(ours: Batches, others: Batches) -> list[float]:
    """Seconds per batch of both, which have equally many."""
    count = sum(1 for _ in ours(0))
    return [seconds / count for seconds in medians(taken(ours), taken(others))]

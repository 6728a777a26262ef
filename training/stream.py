"""The stream of batches that a model learns from, read by threads ahead of it."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
import torch
from joblib import cpu_count
from torch.utils.data import IterableDataset, get_worker_info

from stores.reader import Store
from training.batches import BatchReader
from training.order import Blocks, Items, Permutation
from training.position import Epoch, Order, Position, part_of

READ_AHEAD = 3  # batches that are assembled while the model works on one
WINDOW = 16  # runs of neighbouring clips whose members are shuffled together


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
        Every rank gets its own part of each batch of all ranks and, when shuffling, equally many of them. Where there
        are fewer clips than such a batch, the parts are as equal as they can be.
    pin : bool
        Batches in pinned memory, for faster copies to a GPU.
    expand : bool
        Give the tensors of a compact store as those of a dense one, or as they are, `(batch, rows, frames)`, for a
        network that expands them itself.
    statistics : bool
        Give location and scale of each group of rows of each clip as well, by which its tensor was normalised.
    shown : array of bool, shape (clips, variants), optional
        Variants of each of `rows` that may be shown, at least one; all of them by default.

    Raises
    ------
    ValueError
        If a number is out of range, the store lacks a variant, a clip shows none, or not every rank can be given a clip
        to train on.

    Attributes
    ----------
    global_batch : int
        Clips of a batch over all ranks.
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
        shown: np.ndarray | None = None,
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
        self.variants = tuple(variants)
        self._shuffle = shuffle
        self._block = block
        self._seed = seed
        self.epoch = 0
        self._start = 0  # of the next iteration
        self._position = Position(0, 0)
        rows = np.asarray(rows, dtype=np.int64)
        if shown is not None and (shown.shape != (len(rows), len(variants)) or not shown.any(axis=1).all()):
            raise ValueError(f"shown: expected one or more of {len(variants)} variants for each of {len(rows)} rows")
        order = np.arange(len(rows))
        if shuffle and block > 1:
            order = np.argsort(rows, kind="stable")
        elif shuffle:  # by content first, so that the order does not depend on the clips' row numbers in this store
            order = store.order_by_content(rows)
        rows, shown = rows[order], None if shown is None else shown[order]
        by_variant = shuffle and block > 1
        self._items = Items(rows, labels, tuple(variants), choice, views, f"{seed}", by_variant, shown)
        if shuffle and len(self._items) < world_size:
            raise ValueError(f"rows: expected a clip or more for each of {world_size} ranks, got {len(self._items)}")
        self.global_batch = batch_size * world_size
        if shuffle:  # fewer clips than a batch are one smaller batch
            self.global_batch = min(self.global_batch, len(self._items))
        self._part = part_of(self.global_batch, rank, world_size)
        largest = -(-self.global_batch // world_size)
        self._reader = BatchReader(
            store, self._items, largest, seed=seed, pin=pin, expand=expand, statistics=statistics
        )

    def __len__(self) -> int:
        """Return the number of batches per epoch and rank."""
        return self._batches(0)

    def set_epoch(self, epoch: int) -> None:
        """Give the next iteration the order of an epoch, from its start unless `load_state_dict` named this one."""
        if epoch != self.epoch:
            self._start, self._position = 0, Position(epoch, 0)
        self.epoch = epoch

    def state_dict(self) -> dict[str, int]:
        """Return the position of the last iteration: the epoch, and the clips of it that all ranks have been given."""
        return asdict(self._position)

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Let the next iteration of this epoch give the rest of it, without reading what comes before."""
        self._position = Position(**state)
        self.epoch, self._start = self._position.epoch, self._position.seen

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        epoch = self._begun()
        numbers = range(self._batches(epoch.start))
        if (worker := get_worker_info()) is not None:  # the loader takes from its workers in turn
            numbers = numbers[worker.id :: worker.num_workers]
        waiting: deque[tuple[int, Future[dict[str, torch.Tensor]]]] = deque()

        def next_one() -> dict[str, torch.Tensor]:
            number, future = waiting.popleft()
            batch = future.result()
            self._advance(number, epoch)
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

    def items(self) -> Iterator[np.ndarray]:
        """Yield row, variant number and view of each batch's items, `(3, batch)` int64: iterate, but read no tensor."""
        epoch = self._begun()
        for number in range(self._batches(epoch.start)):
            self._advance(number, epoch)
            yield np.stack(self._at(number, epoch))

    def _begun(self) -> Epoch:
        epoch, self._start = Epoch(self.epoch, self._order(), self._start), 0
        return epoch

    def _advance(self, number: int, epoch: Epoch) -> None:
        self._position = Position(epoch.number, epoch.start + (number + 1) * self.global_batch)

    def _at(self, number: int, epoch: Epoch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self._items.at(epoch.order(self._positions(number, epoch)), epoch.number)

    def _batches(self, start: int) -> int:
        """Return the number of batches of this rank when an epoch goes on from `start`."""
        left = len(self._items) - start
        return left // self.global_batch if self._shuffle else -(-left // self.global_batch)

    def _order(self) -> Order:
        count, key = len(self._items), f"{self._seed} {self.epoch}"
        if not self._shuffle:
            return np.asarray
        return Blocks(count, key, self._block, WINDOW) if self._block > 1 else Permutation(count, key)

    def _positions(self, number: int, epoch: Epoch) -> np.ndarray:
        """Return the positions in an epoch of this rank's part of a batch."""
        start, (begin, end) = epoch.start + number * self.global_batch, self._part
        return np.arange(start + begin, min(start + end, len(self._items)))

    def _batch(self, number: int, epoch: Epoch) -> dict[str, Any]:
        if self._shuffle and self._block > 1:
            self._announce(number, epoch)
        return self._reader.read(*self._at(number, epoch), epoch.number)

    def _announce(self, number: int, epoch: Epoch) -> None:
        """Have the system read as much of the next window as this batch takes of its own, in the order of the disk."""
        span = self._block * WINDOW
        begin = epoch.start + number * self.global_batch
        end = min(begin + self.global_batch, len(self._items))
        for window in range(begin // span, -(-end // span)):
            rows, variants = self._on_disk(window + 1, epoch)
            part = [min(max(place - window * span, 0), span) * len(rows) // span for place in (begin, end)]
            for row, variant in zip(rows[slice(*part)].tolist(), variants[slice(*part)].tolist(), strict=True):
                self.store.announce(row, self._items.variants[variant])

    def _on_disk(self, window: int, epoch: Epoch) -> tuple[np.ndarray, np.ndarray]:
        """Return row and variant number of this rank's clips in a window, in the order of the disk."""
        span = self._block * WINDOW
        positions = np.arange(window * span, min((window + 1) * span, len(self._items)))
        (first, last), places = self._part, (positions - epoch.start) % self.global_batch
        mine = (first <= places) & (places < last)
        rows, variants, _ = self._items.at(epoch.order(positions[mine]), epoch.number)
        order = np.lexsort([rows, variants])
        return rows[order], variants[order]

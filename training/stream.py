"""Batches from a store: memory-mapped clips copied into tensors by threads, ahead of the model."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.data import IterableDataset

from stores.reader import Store
from training.order import Permutation

READ_AHEAD = 3  # batches that are assembled while the model works on one


@dataclass(frozen=True)
class Items:
    """What one epoch shows, in its order before shuffling."""

    rows: np.ndarray  # (clips,) int64
    labels: np.ndarray  # (rows of the store,) int64
    variants: tuple[str, ...]
    choice: Literal["all", "one"]
    key: str

    def __len__(self) -> int:
        return len(self.rows) * (len(self.variants) if self.choice == "all" else 1)

    def at(self, places: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Row and variant number of these items, both int64."""
        if self.choice == "all":
            clips, variants = np.divmod(places, len(self.variants))
            return self.rows[clips], variants
        # Over as many epochs as there are variants, a clip shows each of them once, in an order of its own.
        cycle, turn = divmod(epoch, len(self.variants))
        drawn = [
            int(Permutation(len(self.variants), f"{self.key} {cycle} {place}")(np.array([turn]))[0])
            for place in places.tolist()
        ]
        return self.rows[places], np.array(drawn, dtype=np.int64)


class ClipStream(IterableDataset[dict[str, torch.Tensor]]):
    """Batches of a store's clips for a training loop.

    Iterating gives one epoch of dictionaries: `features` `(batch, channels, rows, frames)` in the store's type and
    torch's channels_last layout, or `(batch, samples)` where the store holds waveforms; `label` `(batch,)`, `row`
    `(batch,)` and `variant` `(batch,)`, all int64. No worker processes are needed: pass it to a `DataLoader` with
    `batch_size=None`, or iterate over it as it is.

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
        Every variant of every clip in an epoch, or one per clip, drawn anew each epoch.
    shuffle : bool
        A new global order each epoch, the last incomplete batch left out; otherwise the order of `rows`, all of
        them.
    seed : int
    rank, world_size : int
        Every rank gets its own part of the clips and, when shuffling, equally many whole batches.
    pin : bool
        Batches in pinned memory, for faster copies to a GPU.
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
        shuffle: bool = False,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        pin: bool = False,
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(f"batch_size: expected 1 or more, got {batch_size}")
        if unknown := set(variants) - set(store.variants):
            raise ValueError(
                f"variants: expected some of {', '.join(store.variants)}, got {', '.join(sorted(unknown))}"
            )
        self._store = store
        self._shuffle = shuffle
        self._batch_size = batch_size
        self._seed = seed
        self._rank, self._world_size = rank, world_size
        self._pin = pin
        self.epoch = 0
        rows = np.asarray(rows, dtype=np.int64)
        if shuffle:  # by content first, so that the order does not depend on the clips' row numbers in this store
            columns = store.rows.select(["content_hash", "id"]).take(rows)
            rows = rows[np.lexsort([columns["id"].to_numpy(), columns["content_hash"].to_numpy()])]
        self._items = Items(rows, labels, tuple(variants), choice, f"{seed}")

    def __len__(self) -> int:
        """Batches per epoch and rank."""
        whole = self._batch_size * self._world_size
        if self._shuffle:
            return max(1 if self._world_size == 1 else 0, len(self._items) // whole)
        return -(-len(self._items) // whole)

    def set_epoch(self, epoch: int) -> None:
        """The order that the next iteration takes."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        return self.batches_from(0)

    def batches_from(self, first: int) -> Iterator[dict[str, torch.Tensor]]:
        """The rest of the epoch from batch `first` on, without reading what comes before."""
        epoch = self.epoch
        waiting: deque[Future[dict[str, torch.Tensor]]] = deque()
        with ThreadPoolExecutor(READ_AHEAD, thread_name_prefix="otogura-stream") as threads:
            try:
                for number in range(first, len(self)):
                    waiting.append(threads.submit(self._batch, number, epoch))
                    if len(waiting) > READ_AHEAD:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _places(self, number: int, epoch: int) -> np.ndarray:
        """Places in `Items` of this rank's part of a batch."""
        start = (number * self._world_size + self._rank) * self._batch_size
        places = np.arange(start, min(start + self._batch_size, len(self._items)))
        if not self._shuffle:
            return places
        return Permutation(len(self._items), f"{self._seed} {epoch}")(places)

    def _batch(self, number: int, epoch: int) -> dict[str, Any]:
        rows, variants = self._items.at(self._places(number, epoch), epoch)
        dtype = torch.float16 if self._store.dtype == np.float16 else torch.float32
        features = torch.empty((len(rows), *self._store.clip_shape), dtype=dtype, pin_memory=self._pin)
        target = features.numpy()
        for place, (row, variant) in enumerate(zip(rows.tolist(), variants.tolist(), strict=True)):
            target[place] = self._store.clip(row, self._items.variants[variant])
        return {
            "features": features.permute(0, 3, 1, 2) if features.ndim == 4 else features,  # channels last: no copy
            "label": torch.from_numpy(self._items.labels[rows]),
            "row": torch.from_numpy(rows),
            "variant": torch.from_numpy(variants),
        }

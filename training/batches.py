"""Batches read from a store into the memory of tensors, which is used again and again."""

import weakref
from typing import Any

import numpy as np
import torch

from features.tensors.four_channel import Recipe
from features.tensors.four_channel.spline import expanded, spline_matrix
from stores.positioned import page_aligned
from stores.reader import Store
from training.order import Items, scrambled


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
        """Return memory for `count` clips."""
        try:
            buffer = self._free.pop()
        except IndexError:
            buffer = page_aligned(self._shape, self._dtype)
        part = buffer[:count]  # the tensor's storage holds on to it
        weakref.finalize(part, self._free.append, buffer).atexit = False
        return torch.from_numpy(part)


class _Expansion:
    """Converter of compact clips of a store to dense ones."""

    def __init__(self, store: Store) -> None:
        self._recipe = Recipe(**store.manifest["recipe"])
        self._spline = spline_matrix(self._recipe.n_mfcc, self._recipe.n_mels).astype(np.float32)
        self.shape = (*self._spline.shape[:1], self._recipe.frames, len(self._recipe.channels))

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        from features.tensors.base import channels_last  # numba takes a second to import, which training does without

        planes = expanded(rows.astype(np.float32), self._spline)
        return channels_last(planes, self._recipe.frames, self._recipe.dtype)


class BatchReader:
    """Reader of batches of a store's clips, as dictionaries of tensors. Threads may read at the same time.

    Parameters
    ----------
    store : Store
    items : Items
        The clips and variants that batches are made of.
    batch_size : int
        Clips of the largest batch.
    seed : int
        Of what is drawn while training.
    pin : bool
        Read into pinned memory.
    expand : bool
        Give the tensors of a compact store as those of a dense one.
    statistics : bool
        Give location and scale of each group of rows of each clip as well.
    """

    def __init__(
        self, store: Store, items: Items, batch_size: int, *, seed: int, pin: bool, expand: bool, statistics: bool
    ) -> None:
        self._store = store
        self._items = items
        self._seed = seed
        self._pin = pin
        self._content = _content_keys(store)
        self._expansion = (
            _Expansion(store) if expand and store.manifest.get("recipe", {}).get("layout") == "compact" else None
        )
        self._statistics: np.ndarray | None = None  # (variants, clips of the store, groups, 2)
        if statistics:
            self._statistics = np.stack([store.statistics(name).astype(np.float32) for name in items.variants])
        self._shape = self._expansion.shape if self._expansion else store.clip_shape
        self._buffers = Buffers((batch_size, *self._shape), store.dtype)
        self._compact = Buffers((batch_size, *store.clip_shape), store.dtype) if self._expansion else None

    def read(self, rows: np.ndarray, variants: np.ndarray, views: np.ndarray, epoch: int) -> dict[str, Any]:
        """Return the batch of these clips, as an iteration of `ClipStream` gives it.

        Parameters
        ----------
        rows, variants, views : array of int64, shape (batch,)
            As `Items.at` returns them.
        epoch : int
        """
        features = self._memory(len(rows))
        target = features.numpy()
        names = [self._items.variants[variant] for variant in variants.tolist()]
        if self._expansion and self._compact:
            stored = self._compact.take(len(rows)).numpy()
            self._store.read_batch(rows.tolist(), names, stored)
            for place, clip in enumerate(stored):
                target[place] = self._expansion(clip)
        else:
            self._store.read_batch(rows.tolist(), names, target)
        columns = {} if self._statistics is None else {"statistics": self._statistics[variants, rows]}
        columns |= {
            "label": self._items.labels[rows],
            "row": rows,
            "variant": variants,
            "key": self._keys(rows, variants, views, epoch),
        }
        batch = {name: torch.from_numpy(values) for name, values in columns.items()}
        if self._pin:  # a copy to a GPU from other memory waits for what the GPU was given before
            batch = {name: values.pin_memory() for name, values in batch.items()}
        # Channels last, without a copy.
        return batch | {"features": features.permute(0, 3, 1, 2) if features.ndim == 4 else features}

    def _keys(self, rows: np.ndarray, variants: np.ndarray, views: np.ndarray, epoch: int) -> np.ndarray:
        keys = self._content[rows]
        for part in (variants, views, np.full(1, epoch), np.full(1, self._seed)):
            keys = scrambled(keys, part.astype(np.uint64))
        return keys.view(np.int64)

    def _memory(self, count: int) -> torch.Tensor:
        if self._pin:  # torch keeps its pinned memory for the next batch by itself, and knows of copies under way
            dtype = torch.from_numpy(np.empty(0, self._store.dtype)).dtype
            return torch.empty((count, *self._shape), dtype=dtype, pin_memory=True)
        return self._buffers.take(count)


def _content_keys(store: Store) -> np.ndarray:
    """Return 64 bits of each row's content hash, uint64."""
    digits = "".join(text[:16] for text in store.rows["content_hash"].to_pylist())
    return np.frombuffer(bytes.fromhex(digits), ">u8").astype(np.uint64)

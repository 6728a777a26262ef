"""Files that stay open between reads: one budget for all stores of a process."""

import os
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from threading import RLock
from typing import Generic, TypeVar
from weakref import WeakSet

try:
    import resource
except ImportError:  # not a Unix system
    resource = None  # type: ignore[assignment]

# More would not be faster, and a mapped file takes memory for its page tables, two thousandths of its size.
MOST_FILES = 2048

Key = tuple[int, str, int]  # the owner, which is a number, a variant, and the number of a file
Item = TypeVar("Item")


class OpenFiles(Generic[Item]):
    """Cache of items that hold one file descriptor each; the least recently used are closed first.

    Attributes
    ----------
    limit : int
        How many may be open at a time. Where readers hold on to that many, what is opened beyond is not kept, so that
        each thread has one more at most.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._kept: OrderedDict[Key, Item] = OrderedDict()
        self._alive: WeakSet[Item] = WeakSet()  # with those that a reader still uses
        self.renew_lock()

    def __len__(self) -> int:
        """Return the number of items that are kept open."""
        return len(self._kept)

    def renew_lock(self) -> None:
        """Replace the lock after a fork: a thread of the other process may have held it."""
        self._lock = RLock()  # garbage may be collected, and a store with it, while this thread holds it

    def get(self, key: Key, open_item: Callable[[str, int], Item]) -> Item:
        """Return the item of an owner, variant and file, opened if it is not open."""
        with self._lock:
            if (item := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return item
        self._shrink(self.limit - 1)
        item = open_item(*key[1:])
        self._alive.add(item)
        if len(self._alive) <= self.limit:
            with self._lock:
                item = self._kept.setdefault(key, item)  # another thread may have opened it meanwhile
        return item

    def release(self, owner: int) -> None:
        """Close all files of an owner."""
        with self._lock:
            closed = [self._kept.pop(key, None) for key in list(self._kept) if key[0] == owner]
        del closed  # files are closed here, without the lock

    def _shrink(self, count: int) -> None:
        closed = []
        with self._lock:
            while len(self._kept) > max(0, count):
                closed.append(self._kept.popitem(last=False))


@cache
def open_files() -> OpenFiles[object]:
    """Return the budget of this process."""
    files: OpenFiles[object] = OpenFiles(affordable())
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=files.renew_lock)
    return files


def affordable() -> int:
    """Return how many files stores may keep open: half of what the system allows, which is raised where that is little.

    The other half is for the rest of the process.
    """
    if resource is None:
        return 256
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited, target = resource.RLIM_INFINITY, 2 * MOST_FILES
    if soft != unlimited and soft < target:
        raised = target if hard == unlimited else max(soft, min(target, hard))
        with suppress(ValueError, OSError):  # some systems allow less than they say
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            soft = raised
    return MOST_FILES if soft == unlimited else max(1, min(MOST_FILES, soft // 2))

"""A recorder of what would survive a power cut at each moment of a piece of work."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# After each of these something may be durable that was not, or be lost that was not.
CALLS = ("fsync", "rename", "replace", "link", "unlink", "remove", "mkdir", "rmdir")

Files = dict[str, bytes | None]  # by path relative to the folder; None is a folder


@dataclass
class Node:
    """A file or a folder: what of it is durable."""

    content: bytes = b""  # as it was at the last fsync
    entries: dict[str, "Node"] | None = None  # of a folder


class Recorder:
    """States of a folder after a power cut, one after each event.

    The content of a file is durable as it was at its last fsync, and empty before the first. Names are durable by the
    strictest reading of POSIX once their folder is synced (`strict`); a journalling file system may also keep every
    name at once and write contents later (`eager`). What is right under both is right on any file system between them.
    """

    def __init__(self, root: Path) -> None:
        self.strict: list[Files] = []
        self.eager: list[Files] = []
        self.events: list[str] = []
        self._root = root
        self._nodes: dict[int, Node] = {}  # by inode, of what is there
        for path in sorted([root, *root.rglob("*")], reverse=True):  # what is there at the start is durable
            self._sync(path)

    def note(self, event: str, synced: Path | None) -> None:
        """Record what is durable after an event; `synced` is what was fsynced, if that was the event."""
        present = {path.stat().st_ino for path in [self._root, *self._root.rglob("*")]}
        for inode in set(self._nodes) - present:  # the number is used again; durable names keep the node
            del self._nodes[inode]
        if synced is not None and synced.exists():
            self._sync(synced)
        self.events.append(event)
        self.strict.append(dict(_below(self._node(self._root))))
        self.eager.append(
            {
                name: self._node(self._root / name).content if content is not None else None
                for name, content in _now(self._root).items()
            }
        )

    def _node(self, path: Path) -> Node:
        return self._nodes.setdefault(path.stat().st_ino, Node(entries={} if path.is_dir() else None))

    def _sync(self, path: Path) -> None:
        node = self._node(path)
        if path.is_dir():
            node.entries = {entry.name: self._node(entry) for entry in path.iterdir()}
        else:
            node.content = path.read_bytes()


def _below(folder: Node, prefix: str = "") -> Iterator[tuple[str, bytes | None]]:
    """Yield name and content of what is durable below a folder."""
    for name, node in (folder.entries or {}).items():
        yield prefix + name, node.content if node.entries is None else None
        yield from _below(node, f"{prefix}{name}/")


def _now(root: Path) -> Files:
    """Return what is below a folder now, in an order in which it can be written."""
    return {str(path.relative_to(root)): None if path.is_dir() else b"" for path in sorted(root.rglob("*"))}


@contextmanager
def recording(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Record all events of the block that concern files below `root`."""
    recorder = Recorder(root)

    def watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **options: Any) -> Any:
            path = Path(os.readlink(f"/proc/self/fd/{arguments[0]}")) if name == "fsync" else None
            result = call(*arguments, **options)
            recorder.note(f"{name} {path or ' '.join(map(str, arguments))}", path)
            return result

        return wrapper

    with monkeypatch.context() as patches:
        for name in CALLS:
            patches.setattr(os, name, watched(name, getattr(os, name)))
        yield recorder


def write(files: Files, folder: Path) -> None:
    """Write a recorded state to a new folder."""
    folder.mkdir()
    for name, content in files.items():
        if content is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(content)

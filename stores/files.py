"""Files that are there whole or not at all, also after a power cut."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

PARTIAL_SUFFIX = ".partial"


def _partial_name(path: Path) -> Path:
    """A temporary name beside `path` that no other process uses.

    A worker may outlive the run that started it; under a name of its own it can at worst put a whole, equal file
    in place, and after a sweep it can put none.
    """
    return path.with_name(f"{path.name}.{secrets.token_hex(4)}{PARTIAL_SUFFIX}")


@contextmanager
def taking_place(path: Path) -> Iterator[Path]:
    """A temporary path to write to; on success its file is synced and renamed to `path`, and the folder synced."""
    partial = _partial_name(path)
    try:
        yield partial
        sync(partial)
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)  # also after a rename between two links of one file, which does nothing
    sync(path.parent)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """`taking_place` with the file open for writing."""
    with taking_place(path) as partial, open(partial, "wb") as file:
        yield file


def sync(path: Path) -> None:
    """Make a file's content, or the renames and links in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, data: bytes) -> bool:
    """Replace a file's content. A file that holds just that already is left untouched; says whether it was not."""
    if path.is_file() and path.read_bytes() == data:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(data)
    return True


def write_json(path: Path, value: Any) -> bool:
    """`write_bytes` of indented JSON with its keys in order."""
    return write_bytes(path, (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))

"""Files that are there whole or not at all, also after a power cut, and that say when they are not as written."""

import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

from stores.errors import StoreError

PARTIAL_SUFFIX = ".partial"
CHECKSUM = "checksum"


def _partial_name(path: Path) -> Path:
    """A temporary name beside `path` that no other process uses.

    A worker may outlive the run that started it; under a name of its own it can at worst put a whole, equal file
    in place, and after a sweep it can put none.
    """
    return path.with_name(f"{path.name}.{secrets.token_hex(4)}{PARTIAL_SUFFIX}")


def remove_partials(paths: Iterable[Path]) -> None:
    """Remove those of these files that an interrupted writer has left; a worker that outlived its run may use one."""
    for path in paths:
        if path.name.endswith(PARTIAL_SUFFIX):
            path.unlink(missing_ok=True)


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


def make_folder(path: Path) -> None:
    """Create a folder, and those above it that are missing, durably: each name lasts once its own folder is synced."""
    missing = [folder for folder in (path, *path.parents) if not folder.is_dir()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in reversed(missing):
        sync(folder.parent)


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
    make_folder(path.parent)
    with replacing(path) as file:
        file.write(data)
    return True


def write_json(path: Path, value: Any) -> bool:
    """`write_bytes` of indented JSON with its keys in order."""
    return write_bytes(path, (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def write_checked(path: Path, value: dict[str, Any]) -> bool:
    """`write_json` with a checksum of all the rest among the keys."""
    return write_json(path, {**value, CHECKSUM: _checksum(value)})


def read_checked(path: Path) -> dict[str, Any]:
    """What `write_checked` wrote. Raises `StoreError` for anything else."""
    try:
        value = read_json(path)
        checksum = value.pop(CHECKSUM)
    except FileNotFoundError:
        raise damaged(path, "this file is missing") from None
    except (ValueError, AttributeError, KeyError):  # no UTF-8, no JSON, no object, no checksum
        checksum = value = None
    if checksum is None or checksum != _checksum(value):
        raise damaged(path, "it does not match its checksum")
    return dict(value)


def _checksum(value: dict[str, Any]) -> str:
    return digest(json.dumps(value, sort_keys=True).encode())


def digest(data: bytes) -> str:
    """16 bytes of blake2b in hexadecimal digits."""
    return blake2b(data, digest_size=16).hexdigest()


def damaged(path: Path, what: str) -> StoreError:
    """What is wrong with a file of a store, and what mends it."""
    return StoreError(f"{path}: {what}; to mend the store: otogura verify --repair and its folder")

"""Files that are complete or absent, also after a power cut, and that carry checksums."""

import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

from stores.errors import StoreError

PARTIAL_SUFFIX = ".partial"
CHECKSUM = "checksum"


def partial_name(path: Path) -> Path:
    """Return a temporary name beside `path` that no other process uses.

    A worker may outlive the run that started it; under a name of its own it can at worst put a complete, equal
    file in place, and after a sweep it can put none.
    """
    return path.with_name(f"{path.name}.{secrets.token_hex(4)}{PARTIAL_SUFFIX}")


def partials_below(folder: Path) -> Iterator[Path]:
    """Yield the temporary files below a folder."""
    for above, _, names in os.walk(folder):
        for name in names:
            if name.endswith(PARTIAL_SUFFIX):
                yield Path(above, name)


def remove_partials(paths: Iterable[Path]) -> None:
    """Remove the temporary files of an interrupted writer; a worker that outlived its run may use one."""
    for path in paths:
        if path.name.endswith(PARTIAL_SUFFIX):
            path.unlink(missing_ok=True)


@contextmanager
def taking_place(path: Path) -> Iterator[Path]:
    """Yield a temporary path; on success its file is synced and renamed to `path`, and the folder synced."""
    partial = partial_name(path)
    try:
        yield partial
        sync(partial)
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)  # also after a rename between two links of one file, which does nothing
    sync(path.parent)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file open for writing, which takes the place of `path` on success (see `taking_place`)."""
    with taking_place(path) as partial, open(partial, "wb") as file:
        yield file


def file_sizes(folder: Path) -> dict[str, int]:
    """Return the size in bytes of each file in a folder, by name; nothing if there is no such folder."""
    sizes = {}
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # a link to nothing, or removed just now
                sizes[entry.name] = entry.stat().st_size
    return sizes


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
    """Replace a file's content. Return False, and leave the file untouched, if it holds just that already."""
    if path.is_file() and path.read_bytes() == data:
        return False
    make_folder(path.parent)
    with replacing(path) as file:
        file.write(data)
    return True


def write_json(path: Path, value: Any) -> bool:
    """Write indented JSON with its keys in order. Return False if the file holds just that already."""
    return write_bytes(path, _indented(value))


def _indented(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def write_checked(path: Path, value: dict[str, Any]) -> bool:
    """Write JSON with a checksum of all other keys. Return False if the file holds just that already."""
    return write_bytes(path, checked_json(value))


def checked_json(value: dict[str, Any]) -> bytes:
    """Return indented JSON with a checksum of all other keys."""
    return _indented({**value, CHECKSUM: _checksum(value)})


def read_checked(path: Path) -> dict[str, Any]:
    """Read what `write_checked` wrote. Raises `StoreError` for anything else."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise damaged(path, "this file is missing") from None
    if (value := parse_checked(data)) is None:
        raise damaged(path, "it does not match its checksum")
    return value


def parse_checked(data: bytes) -> dict[str, Any] | None:
    """Return what `write_checked` wrote, without its checksum; None for anything else."""
    try:
        value = json.loads(data)
        checksum = value.pop(CHECKSUM)
    except (ValueError, AttributeError, KeyError, TypeError):  # no UTF-8, no JSON, no object, no checksum
        return None
    return dict(value) if checksum == _checksum(value) else None


def _checksum(value: dict[str, Any]) -> str:
    return digest(json.dumps(value, sort_keys=True).encode())


def digest(data: bytes) -> str:
    """Return 16 bytes of blake2b in hexadecimal digits."""
    return blake2b(data, digest_size=16).hexdigest()


def damaged(path: Path, what: str) -> StoreError:
    """Return the error of a damaged file, with the command that mends the store."""
    return StoreError(f"{path}: {what}; to mend the store: otogura verify --repair and its folder")

"""Files of a model in ONNX."""

import hashlib
import mmap
import re
from functools import cache
from pathlib import Path

from features.own import OwnPartError

RELATIVE = "its path is relative to where the command runs"
# An entry of `external_data` in the protocol buffer: the key "location", and a name of at most 127 bytes.
LOCATION = re.compile(rb"\x0a\x08location\x12([\x01-\x7f])", re.DOTALL)


def model_hash(path: Path) -> str:
    """Return a hash of a model: of its file, and of the files beside it that hold its weights, if there are any.

    Raises `OwnPartError` where one of them is missing.
    """
    files = model_files(path)
    stats = [file.stat() for file in files]
    return _hash(tuple(files), tuple((stat.st_size, stat.st_mtime_ns) for stat in stats))


def model_files(path: Path) -> list[Path]:
    """Return the file of a model and those of its weights, if it names any; see `model_hash`."""
    if not path.is_file():
        where = "it has to be there for every worker" if path.is_absolute() else RELATIVE
        raise OwnPartError(f"{path}: no such file; {where}")
    if not path.stat().st_size:
        raise OwnPartError(f"{path}: expected a model in ONNX, got an empty file")
    with open(path, "rb") as model, mmap.mmap(model.fileno(), 0, access=mmap.ACCESS_READ) as data:
        names = {data[found.end() : found.end() + found.group(1)[0]] for found in LOCATION.finditer(data)}
    beside = [path.parent / name.decode(errors="replace") for name in sorted(names)]
    for file in beside:
        if not file.is_file():
            raise OwnPartError(f"{path}: its weights are in {file.name}, which is missing; copy it beside the model")
    return [path, *beside]


@cache
def _hash(files: tuple[Path, ...], stats: tuple[tuple[int, int], ...]) -> str:
    """Return the hash of files, which is kept as long as their sizes and times of change stay."""
    whole = hashlib.sha256()
    for path in files:
        with open(path, "rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()[:32]

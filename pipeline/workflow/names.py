"""Names of folders and files, as the workflow gives them."""

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any


def folder_name(title: str, content: Any) -> str:
    """Return a name that is readable, and differs where `content`, which is written as JSON, differs.

    It has letters that a shell needs not quote, and ends with eight digits of a hash.
    """
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in title)
    digest = blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=4).hexdigest()
    return f"{plain}-{digest}"


def build_lock(work: Path, store_name: str) -> Path:
    """Return the lock that is held by whoever writes into a folder of stores."""
    return work / "locks" / f"build-{store_name}.lock"


def train_lock(work: Path, experiment: str) -> Path:
    """Return the lock that is held by whoever writes into the folder of an experiment's runs."""
    return work / "locks" / f"train-{experiment}.lock"


def relative(path: str | Path) -> str:
    """Return a path as a user would write it, the same after the folder has moved."""
    here = Path.cwd()
    return str(Path(path).relative_to(here) if Path(path).is_relative_to(here) else path)

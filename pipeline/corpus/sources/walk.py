"""Walk over the files of a folder."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from pipeline.corpus.sources.base import PassedOver


def files_below(root: Path, suffixes: Collection[str], passed_over: PassedOver) -> Iterator[str]:
    """Yield the files with these endings below a folder, as paths relative to it with forward slashes.

    Others are counted in `passed_over`, and hidden ones are not. Links to folders are followed, but never into a folder
    that is being walked already.
    """
    folders = [(root, "", frozenset({root.resolve()}))]
    while folders:
        folder, prefix, above = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if os.path.splitext(entry.name)[1].lower() in suffixes and not _is_folder(entry):
                    yield prefix + entry.name
                elif _is_folder(entry):
                    target = Path(entry.path).resolve()
                    if target not in above:
                        folders.append((Path(entry.path), f"{prefix}{entry.name}/", above | {target}))
                else:
                    passed_over.add(entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return True for a folder or a link to one; the listing tells, unless it is a link, which may go in circles."""
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()

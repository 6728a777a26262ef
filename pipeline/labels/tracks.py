"""The table of tracks: title, tags, description, and where the recording of each is."""

import csv
import io
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.corpus.sources.tags.settings import TagsCorpus
from pipeline.labels.text import plain, read_text
from pipeline.support.errors import InputError

SEPARATORS = re.compile(r"[\s、,，/／;；|｜]+")  # a middle dot joins the words of one tag

# Why a row of the table is no track.
NO_FILE, TWICE, SEVERAL_FILES = "no file", "named more than once", "several files of this title"


@dataclass(frozen=True)
class Track:
    """One row. `path` of the recording is relative to the root; `fault` says why there is none, and is empty else."""

    line: int  # of the table's file, from 1
    title: str
    tags: tuple[str, ...]
    description: str
    path: str = ""
    group: str = ""
    fault: str = ""


def split_tags(text: str) -> tuple[str, ...]:
    """In one way of writing, each once, in their order."""
    return tuple(dict.fromkeys(tag for tag in SEPARATORS.split(plain(text)) if tag))


def read_tracks(corpus: TagsCorpus, files: Iterable[str], where: str) -> list[Track]:
    """All rows of a corpus's table. `files` are the recordings below its root.

    A recording is found by the column with its path, or else by its title, as `title.flac`. Raises `InputError` with
    one line for a table that is not as configured.
    """
    path = table_path(corpus, where)
    reader = csv.reader(io.StringIO(read_text(path, f"{where}.table"), newline=""), strict=True)
    try:
        header = next(reader, [])
        columns = _columns(corpus, path, header, where)
        rows = []
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            if len(fields) != len(header):
                raise InputError(
                    f"{where}.table: {path}, line {reader.line_num}: expected {len(header)} fields, got {len(fields)}; "
                    "fields that contain commas stand in quotes"
                )
            rows.append((reader.line_num, {name: fields[place].strip() for name, place in columns.items()}))
    except csv.Error as error:
        raise InputError(f"{where}.table: {path}, line {reader.line_num}: not CSV: {error}") from None
    if not rows:
        raise InputError(f"{where}.table: {path}: expected rows below the header line, found none")
    key = "path" if corpus.path else "title"
    named = Counter(_key(row[key], key) for _, row in rows)
    places = _places(files, key)
    tracks = []
    for line, row in rows:
        name = _key(row[key], key)
        found = places.get(name, [])
        fault = TWICE if named[name] > 1 else NO_FILE if not found else SEVERAL_FILES if len(found) > 1 else ""
        tracks.append(
            Track(
                line=line,
                title=row["title"],
                tags=split_tags(row["tags"]),
                description=row.get("description", ""),
                path="" if fault else found[0],
                group=row.get("group", ""),
                fault=fault,
            )
        )
    return tracks


def table_path(corpus: TagsCorpus, where: str) -> Path:
    """The table relative to where the command runs, or else to the root."""
    return _here_or_below(corpus.table, corpus.root, f"{where}.table")


def dictionary_path(corpus: TagsCorpus, where: str) -> Path | None:
    """The same of the dictionary, if there is one."""
    if corpus.dictionary is None:
        return None
    return _here_or_below(corpus.dictionary, corpus.root, f"{where}.dictionary")


def _here_or_below(named: Path, root: Path, where: str) -> Path:
    for candidate in (named, root / named):
        if candidate.is_file():
            return candidate
    raise InputError(f"{where}: {str(named)!r} is neither here nor in {root}; correct the path")


def _columns(corpus: TagsCorpus, path: Path, header: Sequence[str], where: str) -> dict[str, int]:
    """Places of the columns that the corpus names; that of the description need not be there unless it counts."""
    names = [name.strip() for name in header]
    places = {}
    for field in ("title", "tags", "description", "path", "group"):
        column = getattr(corpus, field)
        if column is None or (field == "description" and column not in names and not corpus.read_description):
            continue
        if names.count(column) != 1:
            found = "two columns" if column in names else "no column"
            raise InputError(f"{where}.{field}: {path} has {found} {column!r}; it has {', '.join(names)}")
        places[field] = names.index(column)
    return places


def _key(text: str, key: str) -> str:
    """What a row calls its recording, as `_places` has it."""
    return os.path.normpath(text) if key == "path" else plain(text)


def _places(files: Iterable[str], key: str) -> dict[str, list[str]]:
    places = defaultdict(list)
    for name in sorted(files):
        places[name if key == "path" else plain(Path(name).stem)].append(name)
    return places

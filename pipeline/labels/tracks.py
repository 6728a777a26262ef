"""Table of tracks: title, tags, description, and the path of the recording of each."""

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

# Faults of a row of the table.
NO_FILE, TWICE, SEVERAL_FILES = "no file", "named more than once", "several files of this title"


@dataclass(frozen=True)
class Track:
    """Row of the table. `path` of the recording is relative to the root; `fault` is the reason for none, or empty."""

    line: int  # of the table's file, from 1
    title: str
    tags: tuple[str, ...]
    description: str
    path: str = ""
    group: str = ""
    fault: str = ""


def split_tags(text: str) -> tuple[str, ...]:
    """Return the tags in a text in one way of writing, each once, in their order."""
    return tuple(dict.fromkeys(tag for tag in SEPARATORS.split(plain(text)) if tag))


def read_tracks(corpus: TagsCorpus, files: Iterable[str], config_path: str) -> list[Track]:
    """Return all rows of a corpus's table. `files` are the recordings below its root.

    A recording is found by the column with its path, or else by its title, as `title.flac`. Raises `InputError` with
    one line if the table is not as configured.
    """
    path = table_path(corpus, config_path)
    reader = csv.reader(io.StringIO(read_text(path, f"{config_path}.table"), newline=""), strict=True)
    try:
        header = next(reader, [])
        columns = _columns(corpus, path, header, config_path)
        rows = []
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            if len(fields) != len(header):
                raise InputError(
                    f"{config_path}.table: {path}, line {reader.line_num}: expected {len(header)} fields, "
                    f"got {len(fields)}; fields that contain commas stand in quotes"
                )
            rows.append((reader.line_num, {name: fields[place].strip() for name, place in columns.items()}))
    except csv.Error as error:
        raise InputError(f"{config_path}.table: {path}, line {reader.line_num}: not CSV: {error}") from None
    if not rows:
        raise InputError(f"{config_path}.table: {path}: expected rows below the header line, found none")
    key = "path" if corpus.path else "title"
    named = Counter(_key(row[key], key) for _, row in rows)
    places = _places(files, key)
    tracks = []
    for line, row in rows:
        name = _key(row[key], key)
        paths = places.get(name, [])
        fault = TWICE if named[name] > 1 else NO_FILE if not paths else SEVERAL_FILES if len(paths) > 1 else ""
        tracks.append(
            Track(
                line=line,
                title=row["title"],
                tags=split_tags(row["tags"]),
                description=row.get("description", ""),
                path="" if fault else paths[0],
                group=row.get("group", ""),
                fault=fault,
            )
        )
    return tracks


def table_path(corpus: TagsCorpus, config_path: str) -> Path:
    """Return the path of the table: relative to where the command runs, or else to the root."""
    return _here_or_below(corpus.table, corpus.root, f"{config_path}.table")


def dictionary_path(corpus: TagsCorpus, config_path: str) -> Path | None:
    """Return the path of the dictionary, found in the same way; None if there is none."""
    if corpus.dictionary is None:
        return None
    return _here_or_below(corpus.dictionary, corpus.root, f"{config_path}.dictionary")


def _here_or_below(named: Path, root: Path, config_path: str) -> Path:
    for candidate in (named, root / named):
        if candidate.is_file():
            return candidate
    raise InputError(f"{config_path}: {str(named)!r} is neither here nor in {root}; correct the path")


def _columns(corpus: TagsCorpus, path: Path, header: Sequence[str], config_path: str) -> dict[str, int]:
    """Return the places of the columns that the corpus names; a description may lack unless it counts."""
    names = [name.strip() for name in header]
    places = {}
    for field in ("title", "tags", "description", "path", "group"):
        column = getattr(corpus, field)
        if column is None or (field == "description" and column not in names and not corpus.read_description):
            continue
        if names.count(column) != 1:
            fault = "two columns" if column in names else "no column"
            raise InputError(f"{config_path}.{field}: {path} has {fault} {column!r}; it has {', '.join(names)}")
        places[field] = names.index(column)
    return places


def _key(text: str, key: str) -> str:
    """Return the name by which a row calls its recording, as `_places` has it."""
    return os.path.normpath(text) if key == "path" else plain(text)


def _places(files: Iterable[str], key: str) -> dict[str, list[str]]:
    places = defaultdict(list)
    for name in sorted(files):
        places[name if key == "path" else plain(Path(name).stem)].append(name)
    return places

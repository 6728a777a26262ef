"""Index of a corpus: good recordings with their content, in the order of the store's rows.

<folder>/seen.parquet      last scan of the source, so that only files that changed are opened again
<folder>/clips.parquet     the good recordings, in the order of the store's rows
<folder>/quarantine.csv    the others, with their reasons
<folder>/index.json        written last: counts, and a digest of clips.parquet
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b, file_digest
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

from pipeline.corpus.changes import changes
from pipeline.corpus.recordings import file_name, split_row, split_segment, whole_name
from pipeline.corpus.sources.base import SCAN_CACHE
from pipeline.support.errors import InputError
from pipeline.support.tables import read_rows
from stores.files import replacing, write_bytes, write_json

IDS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Index:
    """A corpus as last scanned; `clips` has id, label, group, fold, side, content_hash, samples, sample_rate_hz.

    `changes` are counts by kind since the index before; there are none of a corpus that had no index.
    """

    clips: pa.Table
    quarantined: int
    changes: dict[str, int]


def forget(folder: Path) -> None:
    """Let the next scan open every recording again."""
    for name in (SCAN_CACHE, "index.json"):
        (folder / name).unlink(missing_ok=True)


def read_index(folder: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the good recordings of an index, with all columns or with some."""
    return read_rows(folder / "clips.parquet", columns)


def update_index(folder: Path, scan: pa.Table, *, max_quarantine: float, config_path: str) -> Index:
    """Bring the index in `folder` up to date with a scan of its source.

    Clips of the last index keep their order; new ones follow, sorted by a hash of their recording's name.

    Parameters
    ----------
    folder : Path
    scan : pyarrow.Table
        Columns `SCAN` of `pipeline.corpus.sources.base`.
    max_quarantine : float
        Largest share of bad recordings.
    config_path : str
        Name of the corpus's part of the configuration in messages.

    Raises
    ------
    InputError
        If too many recordings are bad, or all. The old index stays, except for the quarantine table.
    """
    good = pc.equal(scan["reason"], "")
    bad = scan.filter(pc.invert(good)).select(["id", "reason"])
    sink = pa.BufferOutputStream()
    csv.write_csv(bad, sink)
    write_bytes(folder / "quarantine.csv", sink.getvalue().to_pybytes())
    if bad.num_rows and bad.num_rows > max_quarantine * len(scan):
        first = bad.slice(0, 1).to_pylist()[0]
        raise InputError(
            f"{config_path}.max_quarantine: expected at most {max_quarantine:g} of the recordings to be bad, found "
            f"{bad.num_rows} of {len(scan)}, such as {first['id']} ({first['reason']}); "
            f"see {folder / 'quarantine.csv'}"
        )
    clips = (scan.filter(good) if bad.num_rows else scan).drop_columns(["reason"])
    if not len(clips):
        raise InputError(f"{config_path}: expected a good recording, found none; see {folder / 'quarantine.csv'}")
    places = _places(clips["id"], _previous(folder, "id"))
    groups = _merged_groups(clips, _previous(folder, "group").take(places))
    clips = _taken(clips, groups, _arrival(places, clips["id"]))
    known = (folder / "clips.parquet").is_file()
    found = changes(lambda name: read_index(folder, [name])[name], clips) if known else {}
    with replacing(folder / "clips.parquet") as file:
        pq.write_table(clips, file)
    with open(folder / "clips.parquet", "rb") as written:
        digest = file_digest(written, lambda: blake2b(digest_size=16)).hexdigest()
    write_json(folder / "index.json", {"clips": len(clips), "quarantined": bad.num_rows, "digest": digest})
    return Index(clips, bad.num_rows, found)


def _previous(folder: Path, column: str) -> pa.Array:
    """Return id or group of the clips of the last index, in its order; none if there is no index."""
    if not (folder / "clips.parquet").is_file():
        return pa.array([], pa.string())
    return read_index(folder, [column]).column(0).combine_chunks()


def _places(ids: pa.ChunkedArray, previous: pa.Array) -> pa.Array:
    """Return the place of each clip in the last index, null for new ones."""
    return pc.index_in(ids, value_set=previous).combine_chunks()


def _taken(clips: pa.Table, groups: pa.ChunkedArray, rows: np.ndarray) -> pa.Table:
    """Return rows of a table, with these groups. What is equal is in memory once: content and group, as a rule."""
    content = clips["content_hash"]
    columns = {"content_hash": content.take(rows)}
    columns["group"] = columns["content_hash"] if groups.equals(content) else groups.take(rows)
    columns |= {name: clips[name].take(rows) for name in clips.column_names if name not in columns}
    return pa.table({name: columns[name] for name in clips.column_names}).combine_chunks()


def _merged_groups(clips: pa.Table, named: pa.Array) -> pa.ChunkedArray:
    """Return one group per clip; groups that share a recording's decoded samples become one.

    It has the name that the last index gave to the first of its clips (`named`, null for new clips), so that a new clip
    renames no group, and for new groups the first of their names.
    """
    given = clips["group"].null_count < len(clips)
    own = pc.coalesce(clips["group"], clips["content_hash"]) if given else clips["content_hash"]
    touched = pc.fill_null(pc.not_equal(named, own), False).to_numpy()
    if given:  # else no two groups share samples
        groups = _codes(own)
        content = _codes(clips["content_hash"])
        first = np.empty(len(clips), np.int32)  # group of each content
        first[content[::-1]] = groups[::-1]
        shared = np.zeros(len(clips), bool)
        shared[content[first[content] != groups]] = True
        touched = touched | shared[content]
        touched = np.bincount(groups, touched)[groups] > 0  # with all clips of those groups
    elif touched.any():
        touched = pc.is_in(own, value_set=own.filter(touched).combine_chunks()).to_numpy()
    if touched.any():  # few groups, as a rule: the others keep their names
        merged = _merged(clips.filter(touched), own.filter(touched), named.filter(touched))
        own = pc.replace_with_mask(own.combine_chunks(), touched, merged)
    return pa.chunked_array([own]) if isinstance(own, pa.Array) else own


def _codes(names: pa.ChunkedArray) -> np.ndarray:
    """Return a number for each name, int32: equal names have equal ones."""
    return names.combine_chunks().dictionary_encode().indices.to_numpy()


def _merged(clips: pa.Table, groups: pa.ChunkedArray, named: pa.ChunkedArray) -> pa.Array:
    """Return one group per clip, of these groups and of the names that their clips have from the last index."""
    from scipy.sparse import coo_array  # a tenth of a second, in each job that reads an index
    from scipy.sparse.csgraph import connected_components

    content = clips["content_hash"].combine_chunks().dictionary_encode()
    own = groups.combine_chunks().dictionary_encode()
    group_of, content_of = own.indices.to_numpy(), content.indices.to_numpy()
    size = len(own.dictionary) + len(content.dictionary)
    links = coo_array((np.ones(len(clips)), (group_of, len(own.dictionary) + content_of)), shape=(size, size))
    count, component = connected_components(links, directed=False)
    of_clip = component[group_of]
    names = pa.nulls(count, pa.string())
    for candidates, component_of in (
        (named, of_clip),
        (own.dictionary, component[: len(own.dictionary)]),
    ):
        table = pa.table({"component": component_of, "name": candidates}).group_by("component")
        smallest = table.aggregate([("name", "min")])
        places = pc.index_in(pa.array(np.arange(count)), value_set=smallest["component"].combine_chunks().cast("int64"))
        names = pc.coalesce(names, smallest["name_min"].combine_chunks().take(places))
    return names.take(pa.array(of_clip))


def _arrival(places: pa.Array, ids: pa.ChunkedArray) -> np.ndarray:
    """Return the rows of clips in the order of arrival: as in the last index, then the new ones by a hash of the id.

    Parts and segments of a file follow each other, segments by their beginnings, and rows of a Parquet file by their
    numbers, so that each is decoded once.
    """
    is_new = places.is_null()
    new_ids = ids.filter(is_new)
    digests, inside = [], np.zeros(len(new_ids))
    for number, batch in enumerate(pa.table([new_ids.combine_chunks()], names=["id"]).to_batches(IDS_AT_ONCE)):
        names = batch.column(0).to_pylist()
        files = [file_name(name) for name in names]
        for place, name in enumerate(names):
            if ".parquet#" in name:
                files[place], row = split_row(files[place])
                inside[number * IDS_AT_ONCE + place] = row or 0
            elif name.endswith("]"):
                inside[number * IDS_AT_ONCE + place] = split_segment(whole_name(name))[1]
        digests.append(b"".join([blake2b(file.encode(), digest_size=8).digest() for file in files]))
    new = np.flatnonzero(is_new)[np.lexsort([inside, np.frombuffer(b"".join(digests), ">u8")])]
    known = np.flatnonzero(places.is_valid())
    return np.concatenate([known[np.argsort(places.drop_null())], new])

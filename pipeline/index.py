"""The index of a corpus: which recordings are good, what they hold, and in which order they stand.

<folder>/seen.parquet      what the source last found, so that only what changed is opened again
<folder>/clips.parquet     the good recordings, in the order of the store's rows
<folder>/quarantine.csv    the others, with their reasons
<folder>/index.json        written last: counts, and a digest of clips.parquet
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.errors import InputError
from pipeline.recordings import whole_name
from pipeline.sources.base import SEEN
from stores.files import replacing, write_bytes, write_json


@dataclass(frozen=True)
class Index:
    """A corpus as last seen; `clips` has id, label, group, fold, content_hash, samples, sample_rate_hz."""

    clips: pa.Table
    quarantined: int


def forget(folder: Path) -> None:
    """Let the next update look at every recording again."""
    for name in (SEEN, "index.json"):
        (folder / name).unlink(missing_ok=True)


def read_index(folder: Path) -> pa.Table:
    """The good recordings of an index."""
    return pq.read_table(folder / "clips.parquet")


def update_index(folder: Path, looked: pa.Table, *, max_quarantine: float, where: str) -> Index:
    """Bring the index in `folder` up to date with what a source has `LOOKED` at.

    Known clips keep their order; new ones follow, sorted by a hash of their recording's name. Raises `InputError`, with
    the old index untouched but for the quarantine table, when too many recordings are bad or a class has a single one.
    """
    good = pc.equal(looked["reason"], "")
    bad = looked.filter(pc.invert(good)).select(["id", "reason"])
    sink = pa.BufferOutputStream()
    csv.write_csv(bad, sink)
    write_bytes(folder / "quarantine.csv", sink.getvalue().to_pybytes())
    if bad.num_rows and bad.num_rows > max_quarantine * len(looked):
        first = bad.slice(0, 1).to_pylist()[0]
        raise InputError(
            f"{where}.max_quarantine: expected at most {max_quarantine:g} of the recordings to be bad, found "
            f"{bad.num_rows} of {len(looked)}, such as {first['id']} ({first['reason']}); "
            f"see {folder / 'quarantine.csv'}"
        )
    clips = looked.filter(good).drop_columns(["reason"])
    _refuse_lonely_classes(clips, where)
    clips = clips.set_column(clips.column_names.index("group"), "group", pa.array(_merged_groups(clips)))
    clips = clips.take(_arrival(folder / "clips.parquet", clips["id"].to_pylist())).combine_chunks()
    with replacing(folder / "clips.parquet") as file:
        pq.write_table(clips, file)
    digest = blake2b((folder / "clips.parquet").read_bytes(), digest_size=16).hexdigest()
    write_json(folder / "index.json", {"clips": len(clips), "quarantined": bad.num_rows, "digest": digest})
    return Index(clips, bad.num_rows)


def _refuse_lonely_classes(clips: pa.Table, where: str) -> None:
    counts = clips.group_by("label").aggregate([("id", "count")]).sort_by("label").to_pylist()
    if len(counts) < 2:
        found = f"only {counts[0]['label']!r}" if counts else "no good recording at all"
        raise InputError(f"{where}: expected recordings of two classes or more, found {found}")
    for count in counts:
        if count["id_count"] == 1:
            raise InputError(
                f"{where}: class {count['label']!r} has one good recording, so it cannot be both learned and tested; "
                "add recordings or take the class out"
            )


def _merged_groups(clips: pa.Table) -> list[str]:
    """One group per clip; groups that share a recording's decoded samples become one, named by its first name."""
    content = clips["content_hash"].to_pylist()
    names = [group or own for group, own in zip(clips["group"].to_pylist(), content, strict=True)]
    groups, group_of = np.unique(names, return_inverse=True)
    _, content_of = np.unique(content, return_inverse=True)
    size = len(groups) + len(clips)
    links = coo_array((np.ones(len(clips)), (group_of, len(groups) + content_of)), shape=(size, size))
    _, component = connected_components(links, directed=False)
    component = component[: len(groups)]
    _, first = np.unique(component, return_index=True)  # groups are sorted, so the first name is the smallest
    name_of = dict(zip(component[first].tolist(), groups[first].tolist(), strict=True))
    return [name_of[part] for part in component[group_of].tolist()]


def _arrival(previous: Path, ids: Sequence[str]) -> np.ndarray:
    """Places of `ids` in the order of arrival: as in the previous index, then the new ones by a hash of the id.

    Parts of a recording follow each other, so that it is decoded once.
    """
    old = pq.read_table(previous, columns=["id"])["id"].to_pylist() if previous.is_file() else []
    rank = {name: place for place, name in enumerate(old)}
    keys = [(rank.get(name, len(rank)), blake2b(whole_name(name).encode(), digest_size=8).digest()) for name in ids]
    return np.array(sorted(range(len(ids)), key=keys.__getitem__))

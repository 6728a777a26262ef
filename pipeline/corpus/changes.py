"""Changes of a corpus from one index to the next, counted by kind."""

import pyarrow as pa
import pyarrow.compute as pc

# Columns of an index that may say something else of a clip that stays, and the words for it.
KINDS = {
    "content_hash": "with other sound",
    "label": "relabelled",
    "group": "in another group",
    "fold": "in another fold",
    "side": "on another side",
}
COLUMNS = ["id", *KINDS]


def changes(before: pa.Table, after: pa.Table) -> dict[str, int]:
    """Return how many clips have come, have gone, or are another thing now, by kind; no kind that has none.

    A clip of other sound is in no other group for that: without a group of its own it has that of its sound.

    Parameters
    ----------
    before, after : pyarrow.Table
        Columns `COLUMNS`, in any order of rows.
    """
    places = pc.index_in(after["id"], value_set=before["id"].combine_chunks())
    stay = places.is_valid()
    old, new = before.take(places.filter(stay)), after.filter(stay)
    counts = {"added": len(after) - len(new), "removed": len(before) - len(new)}
    same_sound = pc.equal(old["content_hash"], new["content_hash"])
    for column, kind in KINDS.items():
        differ = _differ(old[column], new[column])
        counts[kind] = pc.sum(pc.and_(differ, same_sound) if column == "group" else differ).as_py() or 0
    return {kind: count for kind, count in counts.items() if count}


def _differ(old: pa.ChunkedArray, new: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return True where two columns differ; a null differs from all but another one."""
    return pc.fill_null(pc.not_equal(old, new), pc.xor(old.is_null(), new.is_null()))

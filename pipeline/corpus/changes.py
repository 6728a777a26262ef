"""Changes of a corpus from one index to the next, counted by kind."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

# Columns of an index that may say something else of a clip that stays, and the words for it.
KINDS = {  # the sound first, by which a group is told
    "content_hash": "with other sound",
    "label": "relabelled",
    "group": "in another group",
    "fold": "in another fold",
    "side": "on another side",
}


def changes(before: Callable[[str], pa.ChunkedArray], after: pa.Table) -> dict[str, int]:
    """Return how many clips have come, have gone, or are another thing now, by kind; no kind that has none.

    A clip of other sound is in no other group for that: without a group of its own it has that of its sound.

    Parameters
    ----------
    before : callable
        Returns a column of the index before; one after the other is in memory.
    after : pyarrow.Table
        The same columns, `id` and those of `KINDS`, in any order of rows.
    """
    ids = before("id")
    places = pc.index_in(after["id"], value_set=ids.combine_chunks())
    stay = places.is_valid()
    kept = places.filter(stay)
    counts = {"added": len(after) - len(kept), "removed": len(ids) - len(kept)}
    same_sound = None
    for column, kind in KINDS.items():
        differ = _differ(before(column).take(kept), after[column].filter(stay))
        same_sound = pc.invert(differ) if same_sound is None else same_sound
        counts[kind] = pc.sum(pc.and_(differ, same_sound) if column == "group" else differ).as_py() or 0
    return {kind: count for kind, count in counts.items() if count}


def _differ(old: pa.ChunkedArray, new: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return True where two columns differ; a null differs from all but another one."""
    return pc.fill_null(pc.not_equal(old, new), pc.xor(old.is_null(), new.is_null()))

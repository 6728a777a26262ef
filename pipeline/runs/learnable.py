"""Classes that an experiment learns from the clips of a corpus, and what keeps it from learning them."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.support.errors import InputError

CLASSES_SHOWN = 20


def learned_classes(rows: pa.Table, classes: Sequence[str] | None, drop: Sequence[str], config_path: str) -> list[str]:
    """Return the classes of these clips that are learned, by name.

    Parameters
    ----------
    rows : table
        With the columns id and label; clips whose label is null are not learned from.
    classes, drop : sequences of str, optional
        The classes to be learned, or those to be left out.
    config_path : str
        Name of the experiment's section of the configuration, for messages.

    Raises
    ------
    InputError
        With one line, where there are fewer than two classes, or one of them has a single recording, which cannot be
        both learned and tested.
    """
    counts = pc.value_counts(rows["label"]).to_pylist()
    clips = {count["values"]: count["counts"] for count in counts if count["values"] is not None}
    there = _shown(sorted(clips))
    if not clips:
        raise InputError(f"{config_path}: expected recordings with labels, but none of {len(rows)} has one")
    for key, named in (("classes", classes or ()), ("drop", drop)):
        if unknown := [name for name in named if name not in clips]:
            raise InputError(
                f"{config_path}.{key}: expected classes of the corpus, got {unknown[0]!r}; there are {there}"
            )
    learned = sorted(name for name in clips if (classes is None or name in classes) and name not in drop)
    if len(learned) < 2:
        left = f"to be left of {there}" if drop else f"to learn, found only {there}"
        raise InputError(f"{config_path}{'.drop' if drop else ''}: expected two classes or more {left}")
    if single := [name for name in learned if clips[name] == 1]:
        named = f"class {single[0]!r} has one recording"
        if len(single) > 1:
            named = f"{len(single)} classes, such as {single[0]!r}, have one recording each"
        advice = f"add recordings, or drop: [{', '.join(single)}]"
        if len(single) > CLASSES_SHOWN:
            advice = f"expected classes of several recordings, of which there are {len(learned) - len(single)}; name "
            advice += "the column of the classes, if these are names of recordings"
        raise InputError(f"{config_path}: {named}, which cannot be both learned and tested; {advice}")
    return learned


def _shown(names: Sequence[str]) -> str:
    """Return names in a line, and the number of those that it has no room for."""
    more = f" and {len(names) - CLASSES_SHOWN} more" if len(names) > CLASSES_SHOWN else ""
    return ", ".join(names[:CLASSES_SHOWN]) + more

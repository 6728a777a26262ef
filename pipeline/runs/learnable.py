"""Classes that an experiment learns from the clips of a corpus, and what keeps it from learning them."""

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.support.errors import InputError
from training.settings import TaskName
from training.tasks import Task, task_of

LISTED = 20  # classes in a message, at most: a column of names of files by mistake has as many as it has rows


def learned_classes(
    rows: pa.Table,
    classes: Sequence[str] | None,
    drop: Sequence[str],
    config_path: str,
    task: TaskName = "multiclass",
) -> list[str]:
    """Return the classes of these clips that are learned, by name.

    Parameters
    ----------
    rows : table
        With the columns id and label; clips whose label is null are not learned from.
    classes, drop : sequences of str, optional
        The classes to be learned, or those to be left out.
    config_path : str
        Name of the experiment's section of the configuration, for messages.
    task : str, optional

    Raises
    ------
    InputError
        With one line, where there are fewer than two classes, or one of them has a single recording, which cannot be
        both learned and tested; and for a list of labels of which one is blank or repeated.
    """
    counts = pc.value_counts(rows["label"]).to_pylist()
    clips = Counter({count["values"]: count["counts"] for count in counts if count["values"] is not None})
    clips = _clips_by_name(clips, rows, task_of(task), config_path)
    there = _listed(sorted(clips))
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
        if len(single) > LISTED:
            advice = f"expected classes of several recordings, of which there are {len(learned) - len(single)}; name "
            advice += "the column of the classes, if these are names of recordings"
        raise InputError(f"{config_path}: {named}, which cannot be both learned and tested; {advice}")
    return learned


def _clips_by_name(clips: Counter[str], rows: pa.Table, task: Task, config_path: str) -> Counter[str]:
    """Return the number of clips of each class, of those that have each label or list of labels."""
    by_name: Counter[str] = Counter()
    for text, count in clips.items():
        try:
            by_name.update(dict.fromkeys(task.split(text), count))
        except ValueError as error:
            name = rows["id"].filter(pc.equal(rows["label"], text))[0]
            raise InputError(f"{config_path}.corpus: the labels {text!r} of {name}: {error}") from None
    return by_name


def _listed(names: Sequence[str]) -> str:
    """Return names with commas between them, and the number of those that do not fit into a line."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more

"""Table of the predictions that a run is scored by: `predictions.parquet`, a row a test recording."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stores.files import digest, write_bytes
from training.evaluation.intervals import ScoredClips
from training.evaluation.predictions import Predictions
from training.tasks import MULTICLASS, MULTILABEL, Task

PREDICTIONS = "predictions.parquet"
LOGIT = "logit "  # and a class: the name of a column
POSITIVE = b"positive"  # in the metadata: the class that is detected, if one is
TASK = b"task"  # in the metadata, where it is another than one class for each clip


@dataclass(frozen=True)
class TestedRecordings:
    """Test recordings of a run with their predictions, in the order of their names.

    Attributes
    ----------
    clips : ScoredClips
        An element a recording; `rows` of the predictions are places in this order.
    identity : str
        Equal for two runs of one task that tested recordings of the same names, classes and groups.
    """

    clips: ScoredClips
    identity: str


def write_predictions(
    path: Path, tested: ScoredClips, recordings: Sequence[str], groups: pa.ChunkedArray, classes: Sequence[str]
) -> None:
    """Write the predictions; equal ones give equal bytes.

    Parameters
    ----------
    path : Path
    tested : ScoredClips
    recordings : sequence of str
        Their names.
    groups : array of string, shape (recordings,)
        Names of the groups.
    classes : sequence of str
        In the order of the logits.
    """
    predictions = tested.predictions
    texts = predictions.task.texts
    columns = [
        pa.array(recordings, pa.string()),
        groups,
        pa.array(texts(predictions.labels, classes), pa.string()),
        pa.array(texts(tested.decided, classes), pa.string()),
        *(pa.array(logits) for logits in predictions.logits.T),
    ]
    positive = {} if tested.positive is None else {POSITIVE: classes[tested.positive].encode()}
    task = {TASK: predictions.task.name.encode()} if predictions.task.several else {}
    table = pa.table(columns, schema=_schema(classes).with_metadata(positive | task)).sort_by("recording")
    file = BytesIO()
    pq.write_table(table, file, write_page_checksum=True)
    write_bytes(path, file.getvalue())


def read_predictions(path: Path) -> TestedRecordings:
    """Read what `write_predictions` wrote. Raises `ValueError` or `OSError` for anything else."""
    try:
        table = pq.read_table(path, page_checksum_verification=True)
    except pa.ArrowException as error:
        raise ValueError(f"{path}: {error}") from None
    classes = [name.removeprefix(LOGIT) for name in table.column_names if name.startswith(LOGIT)]
    if table.schema != _schema(classes):
        raise ValueError(f"{path}: expected the columns of predictions, got {', '.join(table.column_names)}")
    table = table.sort_by("recording")
    if not len(table) or pc.count_distinct(table["recording"]).as_py() < len(table):
        raise ValueError(f"{path}: expected recordings, each once")
    metadata = table.schema.metadata or {}
    task = MULTILABEL if metadata.get(TASK) == MULTILABEL.name.encode() else MULTICLASS
    labels, decided = (_labels(table[name], classes, task, path) for name in ("class", "decided"))
    logits = np.stack([table[f"{LOGIT}{name}"].to_numpy() for name in classes], axis=1)
    groups = table["group"].combine_chunks().dictionary_encode(null_encoding="encode").indices.to_numpy()
    positive = metadata.get(POSITIVE)
    clips = ScoredClips(
        Predictions(np.arange(len(table)), labels, logits, task),
        decided,
        groups.astype(np.int64),
        None if positive is None else classes.index(positive.decode()),
    )
    columns = [table[name].to_pylist() for name in ("recording", "group", "class")]
    tested = [task.name, classes, *columns] if task.several else columns
    return TestedRecordings(clips, digest(json.dumps(tested).encode()))


def _schema(classes: Sequence[str]) -> pa.Schema:
    """Return the names and the types of the columns."""
    texts = [(name, pa.string()) for name in ("recording", "group", "class", "decided")]
    return pa.schema([*texts, *((f"{LOGIT}{name}", pa.float32()) for name in classes)])


def _labels(texts: pa.ChunkedArray, classes: Sequence[str], task: Task, path: Path) -> np.ndarray:
    """Return labels by their text, as the task has them."""
    different = pc.unique(texts).to_pylist()
    answers = [text for text in different if text != "" or not task.several]  # of labels there may be none
    if None in answers or not {name for text in answers for name in task.split(text)} <= {*classes}:
        raise ValueError(f"{path}: expected names of classes that have logits, got others")
    return task.labels(texts.to_pylist(), classes)

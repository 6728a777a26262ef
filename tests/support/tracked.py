"""Runs that trackers are told of, and the points that each tracker has of them."""

import json
import sqlite3
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline.runs.events import EventWriter

SETTINGS = {
    "experiment": "genre",
    "fold": None,
    "corpus": "tones",
    "store": "0123",
    "classes": ["a", "b"],
    "positive": None,
    "init_from": None,
    "device": "cpu",
    "model": {"name": "cnn8", "width": 4},
    "training": {"epochs": 5, "seed": 0},
}
SCORES = {"accuracy": 0.75, "test_clips": 8}

Points = list[tuple[str, int, float]]  # name, step and value, in order


def history(epochs: int) -> list[dict[str, float]]:
    return [
        {"epoch": number, "learning_rate": 0.5, "train_loss": 1 / (number + 1), "validation_loss": 2.0 - number}
        for number in range(epochs)
    ]


def points(epochs: int) -> Points:
    """Return those of `history`."""
    return sorted((name, row["epoch"], row[name]) for row in history(epochs) for name in row if name != "epoch")


def run_of(folder: Path, epochs: int, **settings: Any) -> EventWriter:
    """Write the events of a run that has had some epochs."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = EventWriter(folder, SETTINGS | settings, b"work")
    writer.write_epochs(history(epochs))
    return writer


def in_tensorboard(run: Path) -> Points:
    """Return the scalars of its event files: TFRecords of length, checksum, message, checksum."""
    from tensorboardX.proto.event_pb2 import Event

    scalars = []
    for path in (run / "tensorboard").iterdir():
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            event = Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]
            values = event.summary.value
            scalars += [
                (value.tag, event.step, value.simple_value)
                for value in values
                if not value.metadata.plugin_data.plugin_name
            ]
    return sorted(scalars)


def in_mlflow(run: Path) -> Points:
    with sqlite3.connect(run.parent / "mlflow.db") as database:
        ((runs,),) = database.execute("SELECT COUNT(*) FROM runs").fetchall()
        assert runs == 1
        scalars = database.execute("SELECT key, step, value FROM metrics").fetchall()
    database.close()
    return sorted(scalars)


def in_clearml(run: Path) -> Points:
    """Return the scalars of its offline session; a single value has the least of all steps."""
    (path,) = (run / "tracking" / "clearml" / "offline").glob("*.zip")
    with zipfile.ZipFile(path) as session:
        lines = session.read("metrics.jsonl").splitlines()
    scalars = []
    for event in (event for line in lines for event in json.loads(line)):
        metric, variant = event["metric"], event["variant"]
        name = variant if metric in (variant, "Summary") else f"{variant}_{metric}"
        scalars.append((name, max(event["iter"], 0), event["value"]))
    return sorted(scalars)


def in_wandb(run: Path) -> Points:
    """Return the scalars of its offline run: the history, and of the summary what is in no history."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = (run / "tracking" / "wandb").glob("offline-run-*/*.wandb")
    scalars = []
    for record in map(Record.FromString, records(path.read_bytes())):
        items = {item.nested_key[0] if item.nested_key else item.key: item.value_json for item in record.history.item}
        scalars += [
            (name, record.history.step.num, json.loads(value)) for name, value in items.items() if name[0] != "_"
        ]
        scalars += [
            (item.key, 0, json.loads(item.value_json))
            for item in record.summary.update
            if item.key.startswith("result/")
        ]
    return sorted(scalars)


def records(data: bytes) -> Iterator[bytes]:
    """Yield the records of a log in the format of LevelDB, whose first 7 bytes name its version."""
    place, record = 7, b""
    while place < len(data):
        if (left := -place % 32768) and left < 7:  # too short for a header
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + 7])
        record += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            yield record
            record = b""


READERS: dict[str, Callable[[Path], Points]] = {
    "tensorboard": in_tensorboard,
    "mlflow": in_mlflow,
    "clearml": in_clearml,
    "wandb": in_wandb,
}

"""Leak meter of a run: its accuracy if copies had been split as clips are, and near-duplicates across its sides."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.corpus.sides import SIDES, TEST, VALIDATION, Sides
from pipeline.runs.copies import split_copies
from pipeline.runs.fitting import fit_run, predict_side, shown_variants
from pipeline.runs.mistakes import Sound, player
from pipeline.runs.run import Run
from stores.files import write_bytes
from stores.reader import Store
from training.evaluation.decision import choose_decision
from training.evaluation.fingerprints import Fingerprints, fingerprints
from training.evaluation.leak import comparable, near_duplicates
from training.evaluation.predictions import Predictions
from training.report.page import Panel

DUPLICATES = "duplicates.csv"
FOLDER = "leak"  # below that of the run: the training on copies
LISTED = 100
PLAYED = 8  # pairs, with two players of some 50 kB each


def measure_leak(
    folder: Path,
    sides: Sides,
    run: Run,
    honest_accuracy: float,
    *,
    init_from: Path | None = None,
    sound: Sound | None = None,
    until: float | None = None,
) -> tuple[dict[str, Any], Panel]:
    """Return the leak of a run, as metrics.json has it, and its section of the report; writes `duplicates.csv`.

    Parameters
    ----------
    folder : Path
        That of the run.
    sides : Sides
    run : Run
    honest_accuracy : float
        Test accuracy of the run.
    init_from, until : optional
        As `fit_run` takes them.
    sound : callable, optional
        Recording of a row of the store, to be listened to.
    """
    claimed = claimed_accuracy(folder, sides, run, init_from, until)
    summary: dict[str, Any] = {
        "claimed_accuracy": claimed,
        "honest_accuracy": honest_accuracy,
        "difference": claimed - honest_accuracy,
        "duplicates": None,
    }
    note = (
        f"{claimed:.3f} of the test tensors are right where copies are made first and split after, so that variants of "
        f"a clip, and clips of a group, are on all sides; {honest_accuracy:.3f} of the recordings are right in this "
        "run."
    )
    prints = fingerprints(run.store, np.sort(np.concatenate([getattr(sides, side) for side in SIDES])))
    if prints is None:
        (folder / DUPLICATES).unlink(missing_ok=True)
        note += " Near-duplicates were not looked for: they are told by spectrograms of a second or more."
        return summary, leak_panel(summary, note, [], None)
    duplicates = duplicates_of(run.store, sides, prints)
    summary["duplicates"] = len(duplicates)
    write_duplicates(folder / DUPLICATES, duplicates)
    note += f" Pairs of recordings on two sides that have a sound in common: {len(duplicates)}"
    note += f", of which the first {LISTED} are shown and {DUPLICATES} has all." if len(duplicates) > LISTED else "."
    if even := int((~comparable(prints)).sum()):
        note += f" {even} of {len(prints.rows)} clips are too even or too silent to be compared."
    return summary, leak_panel(summary, note, duplicates.slice(0, LISTED).to_pylist(), sound)


def claimed_accuracy(
    folder: Path, sides: Sides, run: Run, init_from: Path | None = None, until: float | None = None
) -> float:
    """Return the accuracy that the run would have with its tensors split in place of its clips, as is often published.

    Copies of a clip, the variants that are trained on, are then on all sides, and so are the clips of a group. The
    settings, the class weights, the statistics and the number of tensors of each class on each side are those of the
    run. Single tensors are tested, copies among them. Training has a folder of its own below that of the run, and goes
    on there after an interruption.
    """
    tested, validated = claimed_predictions(folder, sides, run, init_from, until)
    decision = choose_decision(validated, run.positive_number, run.setup.sure_accuracy, run.label_count)
    return float(np.mean(tested.right(decision.classes(tested))))


def claimed_predictions(
    folder: Path, sides: Sides, run: Run, init_from: Path | None, until: float | None
) -> tuple[Predictions, Predictions | None]:
    """Train on copies as `claimed_accuracy` does; return the predictions for those that test, and that validate."""
    copies = split_copies(sides, run.task.strata(run.labels), shown_variants(run), run.setup.split.seed)
    fitted = fit_run(folder / FOLDER, sides, run, init_from, until=until, copies=copies, label="leak meter")
    tested = predict_side(fitted.network, TEST, sides, run, copies)
    validates = run.setup.training.validates
    return tested, predict_side(fitted.network, VALIDATION, sides, run, copies) if validates else None


def duplicates_of(store: Store, sides: Sides, prints: Fingerprints) -> pa.Table:
    """Return the near-duplicates across sides, the most similar first.

    Columns: similarity; offset_s, the time of a sound in the second tensor less that in the first; and of each of the
    two its row, name, class and side.
    """
    side_of = np.full(len(store), -1, np.int8)
    for number, side in enumerate(SIDES):
        side_of[getattr(sides, side)] = number
    pairs = near_duplicates(prints, side_of[prints.rows])
    columns = {"similarity": pa.array(pairs.scores), "offset_s": pa.array(pairs.offsets_s)}
    for which, rows in (("first", pairs.first), ("second", pairs.second)):
        clips = store.rows.select(["id", "label"]).take(rows)
        columns |= {f"{which}_row": pa.array(rows), which: clips["id"], f"{which}_class": clips["label"]}
        columns[f"{which}_side"] = pa.array(SIDES).take(pa.array(side_of[rows]))
    return pa.table(columns)


def write_duplicates(path: Path, duplicates: pa.Table) -> None:
    """Write all near-duplicates as a CSV table."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["recording", "class", "side", "other recording", "class", "side", "similarity", "offset in s"])
    columns = [duplicates[f"{which}{what}"] for which in ("first", "second") for what in ("", "_class", "_side")]
    numbers = (duplicates["similarity"], duplicates["offset_s"])
    for *names, similarity, offset_s in zip(*(column.to_pylist() for column in (*columns, *numbers)), strict=True):
        lines.writerow([*names, f"{similarity:.3f}", f"{offset_s:.2f}"])
    write_bytes(path, text.getvalue().encode())


def leak_panel(summary: dict[str, Any], note: str, duplicates: list[dict[str, Any]], sound: Sound | None) -> Panel:
    """Return the section of a report: the difference, and near-duplicates with a player for both."""
    rows = []
    for place, pair in enumerate(duplicates):
        cells = [f"{pair['similarity']:.3f}", f"{pair['offset_s']:+.2f}"]
        for which in ("first", "second"):
            cells += [pair[which], pair[f"{which}_class"], pair[f"{which}_side"]]
            cells.append(player(sound(pair[f"{which}_row"])) if sound is not None and place < PLAYED else "")
        rows.append(cells)
    columns = ("similarity", "offset in s", *("recording", "class", "side", "sound") * 2)
    return Panel(f"Leak meter: {summary['difference']:+.3f}", note, columns=columns, rows=rows)

"""The single mistakes of a model: which recording, what it is, what it was taken for, and how it sounds."""

import base64
import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from markupsafe import Markup

from features.audio import resample
from pipeline.corpus.recordings import Recording
from stores.files import write_bytes
from training.evaluation.predictions import Predictions
from training.report.page import Panel

MISTAKES = "mistakes.csv"
LISTED = 100
PLAYED = 12  # each some 50 kB in the page
RATE_HZ = 16000
SECONDS = 15.0

Sound = Callable[[int], Recording]  # of a row of the store


@dataclass(frozen=True)
class Mistake:
    """A test recording whose class `decided` is another than its own."""

    row: int  # of the store
    name: str
    true: str
    decided: str
    probabilities: tuple[float, ...]  # of all classes

    @property
    def confidence(self) -> float:
        return max(self.probabilities)


def mistakes_of(
    predictions: Predictions, decided: np.ndarray, names: Sequence[str], classes: Sequence[str]
) -> list[Mistake]:
    """Return all mistakes, the most confident first; `decided` `(clips,)` are class numbers."""
    mistakes = []
    for place in np.flatnonzero(decided != predictions.labels).tolist():
        logits = predictions.logits[place].astype(np.float64)
        shares = np.exp(logits - logits.max())
        mistakes.append(
            Mistake(
                row=int(predictions.rows[place]),
                name=names[place],
                true=classes[predictions.labels[place]],
                decided=classes[decided[place]],
                probabilities=tuple((shares / shares.sum()).tolist()),
            )
        )
    return sorted(mistakes, key=lambda mistake: (-mistake.confidence, mistake.name))


def write_mistakes(path: Path, mistakes: Sequence[Mistake], classes: Sequence[str]) -> None:
    """Write all mistakes as a CSV table."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["recording", "class", "taken for", *classes])
    for mistake in mistakes:
        shares = [f"{share:.4f}" for share in mistake.probabilities]
        rows.writerow([mistake.name, mistake.true, mistake.decided, *shares])
    write_bytes(path, text.getvalue().encode())


def mistakes_panel(mistakes: Sequence[Mistake], classes: Sequence[str], sound: Sound | None) -> Panel:
    """The first of them in a report, and a player for some."""
    rows = [
        [
            mistake.name,
            mistake.true,
            mistake.decided,
            *(f"{share:.3f}" for share in mistake.probabilities),
            player(sound(mistake.row)) if sound is not None and place < PLAYED else "",
        ]
        for place, mistake in enumerate(mistakes[:LISTED])
    ]
    more = f"; the first {LISTED} of {len(mistakes)}" if len(mistakes) > LISTED else ""
    note = f"Test clips, with the probability of each class; the most confident first{more}. All are in {MISTAKES}."
    return Panel("Mistakes", note, None, ("recording", "class", "taken for", *classes, "sound"), rows)


def player(recording: Recording) -> Markup:
    """The middle of a recording, inside the page; nothing where it cannot be decoded any more, or is no sound."""
    try:
        samples, rate_hz = recording.decode()
    except (OSError, ValueError, soundfile.SoundFileError):
        return Markup("")
    if not rate_hz:
        return Markup("")
    free = max(0, len(samples) - round(SECONDS * rate_hz))
    middle = resample(samples[free // 2 : len(samples) - free // 2], rate_hz, RATE_HZ)
    peak = max(float(np.abs(middle).max()), 1e-9)
    file = io.BytesIO()
    soundfile.write(file, middle / peak * 0.9, RATE_HZ, format="MP3", compression_level=0.8)
    text = base64.b64encode(file.getvalue()).decode()
    return Markup('<audio controls preload="none" src="data:audio/mpeg;base64,{}"></audio>').format(text)

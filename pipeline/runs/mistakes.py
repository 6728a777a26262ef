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

from features.audio import open_sound, resample
from features.spans import SpanReader
from pipeline.corpus.recordings import Recording, Segment
from stores.files import write_bytes
from training.evaluation.predictions import Predictions
from training.label_text import SEPARATOR
from training.report.cards import Card, cards, likeliest
from training.report.page import NOTHING, Panel

MISTAKES = "mistakes.csv"
LISTED = 100
SOUND_BYTES = 2_500_000  # of all players in a page, each some 50 kB
RATE_HZ = 16000
SECONDS = 15.0

Sound = Callable[[int], Recording]  # of a row of the store
Picture = Callable[[int], Markup]


@dataclass(frozen=True)
class Mistake:
    """A test recording whose answer `decided` is another than its own class, or its own labels."""

    row: int  # of the store
    name: str
    true: tuple[str, ...]
    decided: tuple[str, ...]
    probabilities: tuple[float, ...]  # of all classes
    confidence: float


def mistakes_of(
    predictions: Predictions, decided: np.ndarray, names: Sequence[str], classes: Sequence[str]
) -> list[Mistake]:
    """Return all mistakes, the most confident first; `decided` are answers as the task has them.

    Confidence is the largest probability; with several labels, that of the surest wrong decision on one of them.
    """
    probabilities, task = predictions.probabilities, predictions.task
    confidence = task.error_confidence(probabilities, decided, predictions.labels)
    wrong = np.flatnonzero(~predictions.right(decided))
    true, answered = (task.names(part[wrong], classes) for part in (predictions.labels, decided))
    mistakes = [
        Mistake(
            row=int(predictions.rows[place]),
            name=names[place],
            true=true[number],
            decided=answered[number],
            probabilities=tuple(probabilities[place].tolist()),
            confidence=float(confidence[place]),
        )
        for number, place in enumerate(wrong.tolist())
    ]
    return sorted(mistakes, key=lambda mistake: (-mistake.confidence, mistake.name))


def write_mistakes(path: Path, mistakes: Sequence[Mistake], classes: Sequence[str]) -> None:
    """Write all mistakes as a CSV table."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["recording", "class", "taken for", *classes])
    for mistake in mistakes:
        shares = [f"{share:.4f}" for share in mistake.probabilities]
        rows.writerow([mistake.name, SEPARATOR.join(mistake.true), SEPARATOR.join(mistake.decided), *shares])
    write_bytes(path, text.getvalue().encode())


def mistakes_panel(
    mistakes: Sequence[Mistake], classes: Sequence[str], sound: Sound | None, picture: Picture | None = None
) -> Panel:
    """Return cards of the first of them for a report, with a player for as many as the page can hold."""
    shown, room = [], SOUND_BYTES
    for mistake in mistakes[:LISTED]:
        played = player(sound(mistake.row)) if sound is not None and room > 0 else NOTHING
        room -= len(played)
        shown.append(
            Card(
                name=mistake.name,
                true=mistake.true,
                decided=mistake.decided,
                shares=likeliest(mistake.probabilities, classes, mistake.true),
                picture=NOTHING if picture is None else picture(mistake.row),
                sound=played,
            )
        )
    if not mistakes:
        return Panel("Mistakes", "There are none among the test clips.")
    more = f"; the first {LISTED} of {len(mistakes)}" if len(mistakes) > LISTED else ""
    note = f"Test clips with the probabilities of their classes, the most confident first{more}. All are in {MISTAKES}."
    return Panel("Mistakes", note, body=cards(shown))


def player(recording: Recording) -> Markup:
    """The middle of a recording, inside the page; nothing where it cannot be decoded any more, or is no sound."""
    try:
        samples, rate_hz = _middle(recording)
    except (OSError, ValueError, soundfile.SoundFileError):
        return NOTHING
    if not rate_hz:
        return NOTHING
    middle = resample(samples, rate_hz, RATE_HZ)
    peak = max(float(np.abs(middle).max()), 1e-9)
    file = io.BytesIO()
    soundfile.write(file, middle / peak * 0.9, RATE_HZ, format="MP3", compression_level=0.8)
    text = base64.b64encode(file.getvalue()).decode()
    return Markup('<audio controls preload="none" src="data:audio/mpeg;base64,{}"></audio>').format(text)


def _middle(recording: Recording) -> tuple[np.ndarray, int]:
    """Return the samples that are played, and their rate in Hz; no more is decoded where the length is known before."""
    if isinstance(recording, Segment):
        with open_sound(recording.encoded()) as sound:
            reader = SpanReader(sound)
            if reader.frames is not None:
                start, stop = recording.span(sound.samplerate, reader.frames)
                free = max(0, stop - start - round(SECONDS * sound.samplerate))
                return reader.read(start + free // 2, stop - free // 2), sound.samplerate
    samples, rate_hz = recording.decode()
    free = max(0, len(samples) - round(SECONDS * rate_hz))
    return samples[free // 2 : len(samples) - free // 2], rate_hz

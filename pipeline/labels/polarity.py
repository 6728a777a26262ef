"""Polarity dictionary of lines `word:reading:part-of-speech:score`."""

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from pipeline.labels.text import hiragana, plain, read_text
from pipeline.support.errors import InputError

FIELDS = 4


@dataclass(frozen=True)
class Polarity:
    """Scores from -1 (negative) to 1 by word in its base form, and by its reading in hiragana.

    `faults` has the number and the fault of each line that could not be used.
    """

    scores: dict[str, dict[str, float]]
    faults: list[str]

    def score(self, word: str, reading: str = "") -> float | None:
        """Return the score of a word with a reading; the mean of all its readings without one; None for other words."""
        by_reading = self.scores.get(plain(word))
        if by_reading is None:
            return None
        score = by_reading.get(hiragana(reading))
        return fmean(by_reading.values()) if score is None else score


def read_polarity(path: Path, config_path: str) -> Polarity:
    """Read a dictionary. Raises `InputError` with one line when half of its lines or more cannot be used."""
    scores: dict[str, dict[str, list[float]]] = {}
    faults, lines = [], 0
    for number, line in enumerate(read_text(path, config_path).splitlines(), start=1):
        if not line.strip():
            continue
        lines += 1
        try:
            word, reading, score = _entry(line)
        except ValueError as error:
            faults.append(f"line {number}: {error}")
        else:
            scores.setdefault(word, {}).setdefault(reading, []).append(score)
    if len(faults) * 2 >= lines:
        why = f"{len(faults)} of {lines} lines are not, such as {faults[0]}" if faults else "it is empty"
        raise InputError(f"{config_path}: {path}: expected lines of word:reading:part-of-speech:score, but {why}")
    means = {word: {reading: fmean(values) for reading, values in by.items()} for word, by in scores.items()}
    return Polarity(means, faults)


def _entry(line: str) -> tuple[str, str, float]:
    fields = [field.strip() for field in line.split(":")]
    if len(fields) != FIELDS:
        raise ValueError(f"expected {FIELDS} fields between colons, got {len(fields)}")
    word, reading, _, text = fields
    if not word:
        raise ValueError("the word is empty")
    try:
        score = float(text)
    except ValueError:
        raise ValueError(f"expected a score, got {text!r}") from None
    if not -1 <= score <= 1:
        raise ValueError(f"expected a score from -1 to 1, got {text}")
    return plain(word), hiragana(reading), score

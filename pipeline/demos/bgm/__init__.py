"""Demo of background music: tracks with Japanese tags, and a polarity dictionary.

A track has a genre, an instrument and an emotion, drawn independently. The genre gives the patterns; the instrument
plays the chords and the lead; the emotion gives scale, pitch, brightness and tempo. Pops is vague, as it is in
catalogues: its tracks are rock, fusion or ballad with parts of another of these.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from pipeline.demos.bgm import words
from pipeline.demos.bgm.instruments import instrument
from pipeline.demos.synthesis import music
from pipeline.demos.synthesis.music import MAJOR, MINOR, PARTS, Genre, finish, perform, tone
from pipeline.demos.synthesis.sounds import generator
from stores.files import write_bytes, write_json

RATE_HZ = music.RATE_HZ
SECONDS = 12.0
TRACKS = 200
VERSION = 1  # raised whenever the sound or the tables change

SEPARATORS = ("、", ",", "/", " ", "，", "／", "\u3000")  # of tags, one kind a track; three are full-width
EMOTION_SHARES = {"positive": 0.45, "negative": 0.45, "neutral": 0.1}
TWO, NONE = 0.06, 0.06  # shares of tracks whose tags name two genres, and none; likewise instruments

GENRES = {
    "rock": Genre((112, 146), 4, MAJOR, (0, 3, 4, 0), kick="x.....x.x.......", snare="....x.......x...",
                  hat="x.x.x.x.x.x.x.x.", bass="0.0.0.0.0.0.0.0.", chord="x..x..x.x..x..x.", degrees=(0, 4, 7),
                  lead="0...2.....4.2...", lead_beats=0.9, chord_beats=0.6),
    "fusion": Genre((90, 114), 4, MAJOR, (1, 4, 0, 5), kick="x..x...x..x.....", snare="....x..x.x..x..x",
                    hat="xxxxxxxxxxxxxxxx", bass="0..0.4.0..6.4.2.", chord="...x..x....x..x.", degrees=(0, 2, 4, 6),
                    lead="..0246.5..4.2.0.", lead_beats=0.3, chord_beats=0.4),
    "ballad": Genre((60, 82), 4, MAJOR, (0, 4, 5, 3), kick="x.........x.....", snare="........x.......",
                    hat="x...x...x...x...", bass="0.......4.......", chord="x.......x.......",
                    lead="4.....2...0.....", lead_beats=1.6, chord_beats=1.9),
    "classical": Genre((80, 124), 4, MAJOR, (0, 3, 4, 0, 5, 1, 4, 0), bass="0...........", chord="....x...x...",
                       lead="4.2.0.2.4.5.", lead_beats=0.45, chord_beats=0.8),
}  # fmt: skip
VAGUE = ("rock", "fusion", "ballad")  # what pops may be like
CHANGED = 0.06  # share of its genre's steps that a track strikes or leaves out otherwise


@dataclass(frozen=True)
class Emotion:
    """Way to play a mood, in any genre: its scale replaces the genre's own."""

    scale: tuple[int, ...]
    semitones: tuple[float, float]  # of the root above A2
    bright: tuple[float, float]  # harmonics fall with this power
    haste: tuple[float, float]  # place of the tempo in the genre's range


DORIAN = (0, 2, 3, 5, 7, 9, 10)  # neither major nor minor
EMOTIONS = {
    "positive": Emotion(MAJOR, (-1, 8), (0.9, 1.5), (0.4, 1)),
    "negative": Emotion(MINOR, (-8, 0), (1.4, 2.2), (0, 0.6)),
    "neutral": Emotion(DORIAN, (-5, 4), (1.2, 1.8), (0.2, 0.8)),
}


@dataclass(frozen=True)
class Track:
    """Track: its classes, and the text of its row in the table."""

    number: int
    genre: str
    instrument: str
    emotion: str
    title: str
    tags: tuple[str, ...]
    separator: str
    description: str

    @property
    def file(self) -> str:
        """Return the name of the track's file."""
        return f"track-{self.number:03d}.flac"

    @property
    def row(self) -> tuple[str, str, str, str]:
        """Return the track's row in the table: file, title, tags, description."""
        return self.file, self.title, self.separator.join(self.tags), self.description


def track(number: int) -> Track:
    """Return track `number` of the catalogue."""
    rng = generator(VERSION, "bgm", number)
    (genre,), (player,) = _some(list(words.GENRE_TAGS), 1, rng), _some(list(words.INSTRUMENT_TAGS), 1, rng)
    emotion = str(rng.choice(list(EMOTION_SHARES), p=list(EMOTION_SHARES.values())))
    moods = _some(words.EMOTION_TAGS[emotion], int(rng.integers(1, 4)), rng)
    uses = _some(words.USE_TAGS, int(rng.integers(1, 3)), rng)
    tags = [*_naming(genre, words.GENRE_TAGS, rng), *_naming(player, words.INSTRUMENT_TAGS, rng), *moods, *uses]
    (sentence,) = _some(words.DESCRIPTIONS, 1, rng)
    sentence = sentence.format(use=uses[0], instrument=words.INSTRUMENT_TAGS[player], genre=words.GENRE_TAGS[genre])
    image = words.MOODS.format("".join(f"「{mood}」" for mood in moods)) if moods else ""
    wheres, things = words.TITLES
    place = 11 * number  # 11 and the number of titles, 210, have no factor in common: each title comes once
    return Track(
        number,
        genre,
        player,
        emotion,
        title=wheres[place % len(wheres)] + things[place // len(wheres) % len(things)],
        tags=tuple(_some(tags, len(tags), rng)),
        separator=_some(SEPARATORS, 1, rng)[0],
        description=image + sentence,
    )


def _some(names: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """Return at most `count` of the names, each once, in random order."""
    return [names[place] for place in rng.permutation(len(names))[:count]]


def _naming(name: str, tags: dict[str, str], rng: np.random.Generator) -> list[str]:
    """Return the tags that name a class: its own, or also that of another class, or none."""
    (other,) = _some([tag for key, tag in tags.items() if key != name], 1, rng)
    chance = rng.uniform()
    return [] if chance < NONE else [tags[name], other] if chance < NONE + TWO else [tags[name]]


def synthesise(track: Track) -> np.ndarray:
    """Return the sound of a track, `(samples,)` float32 at 22 050 Hz, peaking below 1."""
    rng = generator(VERSION, "bgm", track.number, "sound")
    emotion = EMOTIONS[track.emotion]
    genre = replace(_played(track.genre, rng), scale=emotion.scale)
    low, high = genre.bpm
    bpm = low + (high - low) * rng.uniform(*emotion.haste)
    root_hz = 110 * 2 ** (rng.uniform(*emotion.semitones) / 12)
    bright = rng.uniform(*emotion.bright)
    player = instrument(track.instrument, bright, rng)

    def bass(hz: float, seconds: float) -> np.ndarray:
        return tone(hz, seconds, bright, 0.005, 0.0, rng)

    return finish(perform(genre, SECONDS, bpm, root_hz, {"bass": bass, "chord": player, "lead": player}, rng), rng)


def _played(genre: str, rng: np.random.Generator) -> Genre:
    """Return a genre as one track plays it: with a step more or less here and there."""
    spec = GENRES[genre] if genre in GENRES else pops(rng)
    return _with(spec, {part: _varied(getattr(spec, part), rng) for part in PARTS})


def pops(rng: np.random.Generator) -> Genre:
    """Return a genre of `VAGUE` with two parts of another one, half-way to its tempo."""
    own, other = (GENRES[name] for name in _some(VAGUE, 2, rng))
    low, high = np.mean([own.bpm, other.bpm], axis=0).tolist()
    return _with(replace(own, bpm=(low, high)), {part: getattr(other, part) for part in _some(PARTS, 2, rng)})


def _with(genre: Genre, patterns: dict[str, str]) -> Genre:
    return replace(genre, **patterns)  # type: ignore[arg-type]  # mypy takes the names for those of any field


def _varied(pattern: str, rng: np.random.Generator) -> str:
    """Return a pattern with some of its strikes and rests exchanged; a part that never plays stays silent."""
    struck = sorted({*pattern} - {"."})
    steps = [
        symbol if not struck or rng.uniform() > CHANGED else "." if symbol in struck else _some(struck, 1, rng)[0]
        for symbol in pattern
    ]
    return "".join(steps)


def write(root: Path, done: Path) -> None:
    """Write `tracks`, `tracks.csv` and `polarity.dic` below `root`; then `done` says so."""
    (root / "tracks").mkdir(parents=True, exist_ok=True)
    table = StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["file", "title", "tags", "description"])
    for number in range(TRACKS):
        one = track(number)
        soundfile.write(root / "tracks" / one.file, synthesise(one), RATE_HZ, subtype="PCM_16")
        rows.writerow(one.row)
    write_bytes(root / "tracks.csv", table.getvalue().encode())
    write_bytes(root / "polarity.dic", words.POLARITY.lstrip().replace("\n", "\r\n").encode("cp932"))
    write_json(done, {"tracks": TRACKS, "version": VERSION})


def corpus(root: Path) -> dict[str, Any]:
    """Return the `corpus:` section by which the demo is read."""
    return {
        "source": "tags",
        "root": root / "tracks",
        "table": root / "tracks.csv",
        "dictionary": root / "polarity.dic",
        "path": "file",
        "each": 70,
        "segments": 3,
    }

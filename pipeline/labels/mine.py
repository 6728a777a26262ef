"""From a table of tracks to the labels that training uses, with every decision counted.

<folder>/labels.csv      path, label and group of every track that has a class: a table as `source: audio` reads it
<folder>/decisions.csv   every row of the table, and what became of it
<folder>/labels.html     what the tags say, for choosing classes
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.corpus.sources.tags.settings import TagsCorpus
from pipeline.labels.labelling import SETS, Decision, Reader, by_polarity, by_words
from pipeline.labels.polarity import Polarity, read_polarity
from pipeline.labels.tracks import dictionary_path, read_tracks, table_path
from pipeline.labels.words import Tokeniser
from pipeline.support.errors import InputError
from stores.files import digest, write_bytes

LABELS = "labels.csv"
UNSCORED = "no word in the dictionary"


@dataclass(frozen=True)
class Mined:
    """`decisions` on all rows; `tags` and how many tracks have each; the dictionary, if one is given."""

    decisions: list[Decision]
    tags: Counter[str]
    polarity: Polarity | None

    @property
    def sizes(self) -> Counter[str]:
        """Tracks of each class."""
        return Counter(decision.label for decision in self.decisions if decision.label)

    @property
    def left_out(self) -> Counter[str]:
        """Tracks without one, by reason."""
        return Counter(decision.reason for decision in self.decisions if decision.reason)

    @property
    def unscored(self) -> int:
        """Labelled by a score of 0 that stands for no known word."""
        return sum(1 for part in self.decisions if part.label and part.score is not None and not part.found)

    def summary(self) -> str:
        """One line: classes with their sizes, and why the others have none."""
        parts = [f"{name} {count}" for name, count in sorted(self.sizes.items())]
        parts += [f"{count} left out ({reason})" for reason, count in self.left_out.most_common()]
        if self.unscored:
            parts.append(f"{self.unscored} of those labelled have {UNSCORED}")
        if self.polarity and self.polarity.faults:
            parts.append(f"{len(self.polarity.faults)} lines of the dictionary passed over ({self.polarity.faults[0]})")
        return ", ".join(parts)


def mine(corpus: TagsCorpus, where: str) -> Mined:
    """Label the tracks of a corpus. Raises `InputError` with one line for what is not as configured."""
    tracks = read_tracks(corpus, AudioSource(AudioCorpus(root=corpus.root), where).files(), where)
    here = [track for track in tracks if not track.fault]
    if not here:
        raise InputError(
            f"{where}: none of the {len(tracks)} tracks of {table_path(corpus, where)} can be used, such as line "
            f"{tracks[0].line} ({tracks[0].fault}); recordings are found by "
            f"{f'the column {corpus.path}' if corpus.path else 'their title'} below {corpus.root}"
        )
    dictionary = dictionary_path(corpus, where)
    polarity = None if dictionary is None else read_polarity(dictionary, f"{where}.dictionary")
    reader = Reader(Tokeniser(), corpus.read_description)
    if corpus.labels == "emotion":
        assert polarity is not None  # the configuration says so
        decisions = by_polarity(here, polarity, corpus.each, reader, f"{where}.each")
    else:
        classes = SETS[corpus.labels] if isinstance(corpus.labels, str) else corpus.labels
        decisions = by_words(here, classes, reader, f"{where}.labels")
        if polarity is not None:  # for the histogram, from which classes by polarity can be chosen
            decisions = [_scored(part, reader.scores(part.track, polarity)) for part in decisions]
    decisions += [Decision(track, reason=track.fault) for track in tracks if track.fault]
    tags = Counter(tag for track in tracks for tag in track.tags)
    return Mined(sorted(decisions, key=lambda part: part.track.line), tags, polarity)


def write_labels(mined: Mined, folder: Path) -> None:
    """`labels.csv` and `decisions.csv`; what is there already in just that form is left untouched."""
    rows = [[part.track.path, part.label, part.track.group] for part in mined.decisions if part.label]
    decided = [
        [
            part.track.line,
            part.track.path,
            part.track.title,
            part.label,
            part.reason,
            "" if part.score is None else f"{part.score:.4f}",
            " ".join(part.found),
            " ".join(part.track.tags),
        ]
        for part in mined.decisions
    ]
    columns = ["line", "path", "title", "label", "reason", "score", "words", "tags"]
    write_bytes(folder / "decisions.csv", _table([columns, *decided]))
    write_bytes(folder / LABELS, _table([["path", "label", "group"], *rows]))


def fingerprint(corpus: TagsCorpus, where: str) -> str:
    """Hash of the table, the dictionary and the state of every recording; none is opened."""
    known = blake2b(digest_size=16)
    known.update(digest(table_path(corpus, where).read_bytes()).encode())
    if (dictionary := dictionary_path(corpus, where)) is not None:
        known.update(digest(dictionary.read_bytes()).encode())
    known.update(AudioSource(AudioCorpus(root=corpus.root), where).fingerprint().encode())
    return known.hexdigest()


def _scored(decision: Decision, scores: dict[str, float]) -> Decision:
    mean = sum(scores.values()) / len(scores) if scores else 0.0
    return Decision(decision.track, decision.label, decision.reason, decision.found, mean)


def _table(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()

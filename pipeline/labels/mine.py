"""Mining of labels from a table of tracks, with every decision counted.

<folder>/labels.csv      path, label and group of every track that has a class: a table as `source: audio` reads it
<folder>/decisions.csv   every row of the table with its label, or the reason for none
<folder>/labels.html     tags and classes, for the choice of classes
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
    """Result of mining: `decisions` on all rows, `tags` with their counts, the dictionary if one is given."""

    decisions: list[Decision]
    tags: Counter[str]
    polarity: Polarity | None

    @property
    def sizes(self) -> Counter[str]:
        """Return the number of tracks of each class."""
        return Counter(decision.label for decision in self.decisions if decision.label)

    @property
    def left_out(self) -> Counter[str]:
        """Return the number of tracks without a class, by reason."""
        return Counter(decision.reason for decision in self.decisions if decision.reason)

    @property
    def unscored(self) -> int:
        """Return the number of tracks that are labelled by a score of 0 because no word of theirs has one."""
        return sum(1 for part in self.decisions if part.label and part.score is not None and not part.words)

    def summary(self) -> str:
        """Return one line: classes with their sizes, and the reasons that other tracks have none."""
        parts = [f"{name} {count}" for name, count in sorted(self.sizes.items())]
        parts += [f"{count} left out ({reason})" for reason, count in self.left_out.most_common()]
        if self.unscored:
            parts.append(f"{self.unscored} of those labelled have {UNSCORED}")
        if self.polarity and self.polarity.faults:
            parts.append(f"{len(self.polarity.faults)} lines of the dictionary passed over ({self.polarity.faults[0]})")
        return ", ".join(parts)


def mine(corpus: TagsCorpus, config_path: str) -> Mined:
    """Label the tracks of a corpus. Raises `InputError` with one line if anything is not as configured."""
    tracks = read_tracks(corpus, AudioSource(AudioCorpus(root=corpus.root), config_path).files(), config_path)
    usable = [track for track in tracks if not track.fault]
    if not usable:
        raise InputError(
            f"{config_path}: none of the {len(tracks)} tracks of {table_path(corpus, config_path)} can be used, "
            f"such as line {tracks[0].line} ({tracks[0].fault}); recordings are found by "
            f"{f'the column {corpus.path}' if corpus.path else 'their title'} below {corpus.root}"
        )
    dictionary = dictionary_path(corpus, config_path)
    polarity = None if dictionary is None else read_polarity(dictionary, f"{config_path}.dictionary")
    reader = Reader(Tokeniser(), corpus.read_description)
    if corpus.labels == "emotion":
        assert polarity is not None  # the configuration says so
        decisions = by_polarity(usable, polarity, corpus.each, reader, f"{config_path}.each")
    else:
        classes = SETS[corpus.labels] if isinstance(corpus.labels, str) else corpus.labels
        decisions = by_words(usable, classes, reader, f"{config_path}.labels")
        if polarity is not None:  # for the histogram, from which classes by polarity can be chosen
            decisions = [_scored(part, reader.scores(part.track, polarity)) for part in decisions]
    decisions += [Decision(track, reason=track.fault) for track in tracks if track.fault]
    tags = Counter(tag for track in tracks for tag in track.tags)
    return Mined(sorted(decisions, key=lambda part: part.track.line), tags, polarity)


def write_labels(mined: Mined, folder: Path) -> None:
    """Write `labels.csv` and `decisions.csv`; a file that has the same bytes already is left untouched."""
    rows = [[part.track.path, part.label, part.track.group] for part in mined.decisions if part.label]
    decided = [
        [
            part.track.line,
            part.track.path,
            part.track.title,
            part.label,
            part.reason,
            "" if part.score is None else f"{part.score:.4f}",
            " ".join(part.words),
            " ".join(part.track.tags),
        ]
        for part in mined.decisions
    ]
    columns = ["line", "path", "title", "label", "reason", "score", "words", "tags"]
    write_bytes(folder / "decisions.csv", _table([columns, *decided]))
    write_bytes(folder / LABELS, _table([["path", "label", "group"], *rows]))


def fingerprint(corpus: TagsCorpus, config_path: str) -> str:
    """Return a hash of the table, the dictionary and the state of every recording, opening no recording."""
    hasher = blake2b(digest_size=16)
    hasher.update(digest(table_path(corpus, config_path).read_bytes()).encode())
    if (dictionary := dictionary_path(corpus, config_path)) is not None:
        hasher.update(digest(dictionary.read_bytes()).encode())
    hasher.update(AudioSource(AudioCorpus(root=corpus.root), config_path).fingerprint().encode())
    return hasher.hexdigest()


def _scored(decision: Decision, scores: dict[str, float]) -> Decision:
    mean = sum(scores.values()) / len(scores) if scores else 0.0
    return Decision(decision.track, decision.label, decision.reason, decision.words, mean)


def _table(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()

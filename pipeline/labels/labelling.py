"""Class of a track by its words: the class that one of them stands for, or by the polarity of all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from statistics import fmean

from pipeline.labels.polarity import Polarity
from pipeline.labels.text import plain
from pipeline.labels.tracks import Track
from pipeline.labels.words import Tokeniser, Word
from pipeline.support.errors import InputError

POSITIVE, NEGATIVE = "positive", "negative"

# Reasons that a track has no class.
NO_CLASS, TWO_CLASSES, BETWEEN = "no class", "two classes or more", "between negative and positive"

# Words that stand for the published classes.
SETS: dict[str, dict[str, tuple[str, ...]]] = {
    "genre": {
        "rock": ("ロック", "rock"),
        "fusion": ("フュージョン", "fusion"),
        "ballad": ("バラード", "ballad"),
        "pops": ("ポップス", "ポップ", "pops", "pop"),
        "classical": ("クラシック", "クラシカル", "classical", "classic"),
    },
    "instrument": {
        "piano": ("ピアノ", "piano"),
        "synthesiser": ("シンセサイザー", "シンセ", "synthesizer", "synthesiser", "synth"),
        "guitar": ("ギター", "アコースティックギター", "アコギ", "guitar"),
        "electric": ("エレキギター", "エレキ", "エレクトリック", "electric"),
    },
}


@dataclass(frozen=True)
class Decision:
    """Decision on a track: a label or a reason for none, the words that decided it, and their mean score."""

    track: Track
    label: str = ""
    reason: str = ""
    words: tuple[str, ...] = ()
    score: float | None = None


@dataclass(frozen=True)
class Reader:
    """Reader of the words in the tags of tracks, and in their descriptions if those count."""

    tokeniser: Tokeniser
    description: bool

    def texts(self, track: Track) -> list[str]:
        """Return the texts of a track that count."""
        return [*track.tags, *([track.description] if self.description and track.description else [])]

    def classes(self, track: Track, class_of: Mapping[str, str]) -> dict[str, str]:
        """Return the words of a track that stand for a class, with that class; a tag that does so is not split."""

        def class_by_word(word: Word) -> tuple[str, str] | None:
            forms = (_joined(word.base), _joined(word.usual))
            return next(((form, class_of[form]) for form in forms if form in class_of), None)

        classes = {}
        for text in self.texts(track):
            tag = _joined(text)
            if tag in class_of:
                classes[tag] = class_of[tag]
            else:
                classes |= dict(self.tokeniser.look_up(text, class_by_word))
        return classes

    def scores(self, track: Track, polarity: Polarity) -> dict[str, float]:
        """Return the words of a track that the dictionary has, in their base forms, with their scores."""

        def score_by_word(word: Word) -> tuple[str, float] | None:
            score = polarity.score(word.base, word.reading)
            return None if score is None else (word.base, score)

        scores = {}
        for text in self.texts(track):
            if (score := polarity.score(text)) is not None:
                scores[text] = score
            else:
                scores |= dict(self.tokeniser.look_up(text, score_by_word))
        return scores


def by_words(
    tracks: Sequence[Track], classes: Mapping[str, Sequence[str]], reader: Reader, config_path: str
) -> list[Decision]:
    """Decide for the class whose words a track has, if it is just one.

    Parameters
    ----------
    tracks : sequence of Track
    classes : mapping of str to sequences of str
        Words that stand for each class.
    reader : Reader
    config_path : str
        Name of the part of the configuration in messages.

    Raises
    ------
    InputError
        If a word stands for two classes, or no track has a class.
    """
    class_of: dict[str, str] = {}
    for name, words in classes.items():
        for word in map(_joined, words):
            if class_of.setdefault(word, name) != name:
                raise InputError(f"{config_path}: {word!r} stands for {class_of[word]} and for {name}; leave one out")
    decisions = []
    for track in tracks:
        class_by_word = reader.classes(track, class_of)
        matched = set(class_by_word.values())
        if len(matched) == 1:
            decisions.append(Decision(track, label=matched.pop(), words=tuple(class_by_word)))
        else:
            decisions.append(Decision(track, reason=TWO_CLASSES if matched else NO_CLASS, words=tuple(class_by_word)))
    if missing := sorted(set(classes) - {decision.label for decision in decisions}):
        raise InputError(
            f"{config_path}: no track is of class {missing[0]!r} alone, by the words {', '.join(classes[missing[0]])}; "
            "take the class out or say other words for it"
        )
    return decisions


def by_polarity(
    tracks: Sequence[Track], polarity: Polarity, each: int, reader: Reader, config_path: str
) -> list[Decision]:
    """Decide for positive and negative by the mean scores of the words of tracks.

    Parameters
    ----------
    tracks : sequence of Track
    polarity : Polarity
        Scores of words. A track without a word in it scores 0.
    each : int
        Number of tracks with the highest scores that are positive, and of those with the lowest that are negative; of
        fewer than twice as many tracks, the halves. Equal scores are sorted by a hash of the path.
    reader : Reader
    config_path : str
        Name of the part of the configuration in messages.

    Raises
    ------
    InputError
        If both sides have the same score.
    """
    scored = []
    for track in tracks:
        scores = reader.scores(track, polarity)
        scored.append(Decision(track, score=fmean(scores.values()) if scores else 0.0, words=tuple(scores)))
    each = min(each, len(scored) // 2)
    order = sorted(scored, key=_rank)
    lowest, highest = order[:each], order[len(order) - each :]
    if not each or lowest[-1].score == highest[0].score:
        both = f"both are {lowest[-1].score:g}" if each else f"there are {len(scored)} tracks"
        raise InputError(
            f"{config_path}: expected different scores of the {each} lowest and the {each} highest tracks, but {both}; "
            "lower corpus.each, or take a dictionary that has more of the tags"
        )
    label = {part.track: NEGATIVE for part in lowest} | {part.track: POSITIVE for part in highest}
    return [
        Decision(part.track, label.get(part.track, ""), "" if part.track in label else BETWEEN, part.words, part.score)
        for part in scored
    ]


def _rank(decision: Decision) -> tuple[float, bytes]:
    assert decision.score is not None
    return decision.score, blake2b(decision.track.path.encode(), digest_size=8).digest()


def _joined(text: str) -> str:
    """Return a word in one way of writing, without middle dots."""
    return plain(text).replace("・", "")

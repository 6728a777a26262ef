"""Which class the words of a track mean: that of the one whose words it has, or by the polarity of all its words."""

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

# Why a track has no class.
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
    """What became of a track: a label, or a reason for none; which of its words decided it, and their mean score."""

    track: Track
    label: str = ""
    reason: str = ""
    found: tuple[str, ...] = ()
    score: float | None = None


@dataclass(frozen=True)
class Reader:
    """Reads the tags of tracks, and their descriptions if those count."""

    tokeniser: Tokeniser
    description: bool

    def texts(self, track: Track) -> list[str]:
        return [*track.tags, *([track.description] if self.description and track.description else [])]

    def classes(self, track: Track, class_of: Mapping[str, str]) -> dict[str, str]:
        """Words of a track that stand for a class, and that class. A tag that does so as it stands is not split."""

        def known(word: Word) -> tuple[str, str] | None:
            forms = (_joined(word.base), _joined(word.usual))
            return next(((form, class_of[form]) for form in forms if form in class_of), None)

        found = {}
        for text in self.texts(track):
            whole = _joined(text)
            if whole in class_of:
                found[whole] = class_of[whole]
            else:
                found |= dict(self.tokeniser.look_up(text, known))
        return found

    def scores(self, track: Track, polarity: Polarity) -> dict[str, float]:
        """Words of a track that the dictionary has, in their base forms, and their scores."""

        def known(word: Word) -> tuple[str, float] | None:
            score = polarity.score(word.base, word.reading)
            return None if score is None else (word.base, score)

        found = {}
        for text in self.texts(track):
            if (score := polarity.score(text)) is not None:
                found[text] = score
            else:
                found |= dict(self.tokeniser.look_up(text, known))
        return found


def by_words(
    tracks: Sequence[Track], classes: Mapping[str, Sequence[str]], reader: Reader, where: str
) -> list[Decision]:
    """The class whose words a track has, if there is just one.

    Raises `InputError` for a word of two classes, and for a class that no track has.
    """
    class_of: dict[str, str] = {}
    for name, words in classes.items():
        for word in map(_joined, words):
            if class_of.setdefault(word, name) != name:
                raise InputError(f"{where}: {word!r} stands for {class_of[word]} and for {name}; leave one out")
    decisions = []
    for track in tracks:
        found = reader.classes(track, class_of)
        matched = set(found.values())
        if len(matched) == 1:
            decisions.append(Decision(track, label=matched.pop(), found=tuple(found)))
        else:
            decisions.append(Decision(track, reason=TWO_CLASSES if matched else NO_CLASS, found=tuple(found)))
    if missing := sorted(set(classes) - {decision.label for decision in decisions}):
        raise InputError(
            f"{where}: no track is of class {missing[0]!r} alone, by the words {', '.join(classes[missing[0]])}; "
            "take the class out or say other words for it"
        )
    return decisions


def by_polarity(tracks: Sequence[Track], polarity: Polarity, each: int, reader: Reader, where: str) -> list[Decision]:
    """The `each` highest and the `each` lowest mean scores of a track's words; one without any known word scores 0.

    Of fewer tracks than twice as many, the halves. Equal scores go by a hash of the path. Raises `InputError` where
    both sides would have the same score.
    """
    scored = []
    for track in tracks:
        found = reader.scores(track, polarity)
        scored.append(Decision(track, score=fmean(found.values()) if found else 0.0, found=tuple(found)))
    each = min(each, len(scored) // 2)
    order = sorted(scored, key=_rank)
    lowest, highest = order[:each], order[len(order) - each :]
    if not each or lowest[-1].score == highest[0].score:
        both = f"both are {lowest[-1].score:g}" if each else f"there are {len(scored)} tracks"
        raise InputError(
            f"{where}: expected different scores of the {each} lowest and the {each} highest tracks, but {both}; "
            "lower corpus.each, or take a dictionary that has more of the tags"
        )
    label = {part.track: NEGATIVE for part in lowest} | {part.track: POSITIVE for part in highest}
    return [
        Decision(part.track, label.get(part.track, ""), "" if part.track in label else BETWEEN, part.found, part.score)
        for part in scored
    ]


def _rank(decision: Decision) -> tuple[float, bytes]:
    assert decision.score is not None
    return decision.score, blake2b(decision.track.path.encode(), digest_size=8).digest()


def _joined(text: str) -> str:
    """A word with and without a middle dot is the same."""
    return plain(text).replace("・", "")

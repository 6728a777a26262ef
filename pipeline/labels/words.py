"""Words of Japanese text in their base forms, with their readings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

Value = TypeVar("Value")

# Parts of speech without a meaning of their own: symbols, spaces, particles, auxiliaries.
EMPTY = frozenset({"補助記号", "空白", "助詞", "助動詞"})


@dataclass(frozen=True)
class Word:
    """Word as in a dictionary: `base` and its `reading` in katakana, and the `usual` way of writing it."""

    base: str
    reading: str
    usual: str


class Tokeniser:
    """Tokeniser of Japanese, Sudachi with its dictionary of common words."""

    def __init__(self) -> None:
        from sudachipy import Dictionary, SplitMode  # the Snakefile imports this module and reads no text

        self._tokenizer: Any = Dictionary().tokenizer()
        self._whole, self._short = SplitMode.C, SplitMode.A
        self._reading = lru_cache(maxsize=65536)(self._reading_of)

    def words(self, text: str) -> list[Word]:
        """Return the longest words of a text that the dictionary has, in their order."""
        return [self._word(token) for token in self._tokens(text)]

    def look_up(self, text: str, value_of: Callable[[Word], Value | None]) -> Iterator[Value]:
        """Yield the values of the words of a text; of a compound without a value, those of its parts."""
        for token in self._tokens(text):
            parts = [token] if value_of(self._word(token)) is not None else token.split(self._short)
            for part in parts:
                if (value := value_of(self._word(part))) is not None:
                    yield value

    def _tokens(self, text: str) -> list[Any]:
        return [
            token for token in self._tokenizer.tokenize(text, self._whole) if token.part_of_speech()[0] not in EMPTY
        ]

    def _word(self, token: Any) -> Word:
        base = token.dictionary_form()
        reading = token.reading_form() if base == token.surface() else self._reading(base)
        return Word(base, reading, token.normalized_form())

    def _reading_of(self, base: str) -> str:
        """Return the reading of a base form; an inflected token's own reading is that of its inflection."""
        return "".join(token.reading_form() for token in self._tokenizer.tokenize(base, self._short))

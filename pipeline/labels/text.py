"""Japanese text of any of its usual encodings, in one way of writing."""

import unicodedata
from pathlib import Path

from pipeline.support.errors import InputError

ENCODINGS = ("utf-8-sig", "cp932", "euc_jp")


def read_text(path: Path, where: str) -> str:
    """A file in UTF-8, Shift-JIS or EUC-JP. Raises `InputError` with one line for any other.

    Shift-JIS and EUC-JP decode much of each other, but what was kana comes out as something else.
    """
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"{where}: expected a file, but {str(path)!r} {found}; correct the path")
    data = path.read_bytes()
    texts = []
    for encoding in ENCODINGS:
        try:
            texts.append(data.decode(encoding))
        except UnicodeDecodeError:
            continue
        if encoding == ENCODINGS[0]:
            break  # no text in the other two is UTF-8 by chance
    if not texts:
        raise InputError(f"{where}: {path}: expected text in UTF-8, Shift-JIS or EUC-JP; convert it to UTF-8")
    return max(texts, key=_kana)


def _kana(text: str) -> int:
    return sum("ぁ" <= letter <= "ヿ" for letter in text)


def plain(text: str) -> str:
    """NFKC and lower case, without what surrounds it: full-width letters and half-width kana become usual ones."""
    return unicodedata.normalize("NFKC", text).lower().strip()


def hiragana(text: str) -> str:
    """`plain`, with katakana as hiragana."""
    return "".join(chr(ord(letter) - 0x60) if "ァ" <= letter <= "ヶ" else letter for letter in plain(text))

"""Japanese text: its encodings, and one way of writing for each word."""

import unicodedata
from pathlib import Path

from pipeline.support.errors import InputError

ENCODINGS = ("utf-8-sig", "cp932", "euc_jp")


def read_text(path: Path, config_path: str) -> str:
    """Read a file in UTF-8, Shift-JIS or EUC-JP. Raises `InputError` with one line for any other.

    Shift-JIS and EUC-JP decode much of each other, but kana come out as other letters.
    """
    if not path.is_file():
        fault = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"{config_path}: expected a file, but {str(path)!r} {fault}; correct the path")
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
        raise InputError(f"{config_path}: {path}: expected text in UTF-8, Shift-JIS or EUC-JP; convert it to UTF-8")
    return max(texts, key=_kana)


def _kana(text: str) -> int:
    return sum("ぁ" <= letter <= "ヿ" for letter in text)


def plain(text: str) -> str:
    """Return a text in NFKC and lower case, stripped: full-width letters and half-width kana become usual ones."""
    return unicodedata.normalize("NFKC", text).lower().strip()


def hiragana(text: str) -> str:
    """Return `plain(text)` with katakana as hiragana."""
    return "".join(chr(ord(letter) - 0x60) if "ァ" <= letter <= "ヶ" else letter for letter in plain(text))

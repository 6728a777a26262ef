"""Lines of manifests, checked: which file, from where to where, and what is said of it."""

import gzip
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.support.errors import InputError
from training.label_text import label_text


@dataclass(frozen=True)
class Line:
    """One line of a manifest; `place` names it in messages."""

    place: str
    members: Mapping[str, Any]

    def error(self, reason: str) -> InputError:
        """Return the error of a line that is not as expected."""
        return InputError(f"{self.place}: {reason}")

    def member(self, name: str) -> Any:
        """Return a member, or one within others if the name has dots; None if there is none."""
        value: Any = self.members
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def text(self, name: str) -> str:
        """Return a member that must be a text."""
        if isinstance(value := self.member(name), str) and value.strip():
            return value
        raise self.error(f"{name}: expected a text, got {json.dumps(value)}")

    def seconds(self, name: str) -> float | None:
        """Return a member in seconds, to the nanosecond; None if there is none."""
        value = self.member(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.error(f"{name}: expected seconds such as 12.5, got {json.dumps(value)}")
        return round(float(value), 9)

    def number(self, name: str) -> int:
        """Return a member that must be a whole number from 0 on."""
        value = self.member(name)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.error(f"{name}: expected a number from 0 on, got {json.dumps(value)}")
        return value

    def name(self, name: str) -> str | None:
        """Return a label or a group: a text or a number as text; None for none, and for blanks."""
        value = self.member(name)
        return None if value is None else self._named(name, value)

    def _named(self, name: str, value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self.error(f"{name}: expected a text, got {json.dumps(value)}")
        return str(value).strip() or None

    def labels(self, name: str) -> str | None:
        """Return a label, or those of a list as text; None for none."""
        value = self.member(name)
        if not isinstance(value, list):
            return self.name(name)
        try:
            return label_text(self._named(name, one) or "" for one in value) if value else None
        except ValueError as error:
            raise self.error(f"{name}: {error}") from None


def lines_of(path: Path, config_path: str) -> Iterator[Line]:
    """Yield the lines of a manifest. Raises `InputError` for what is no JSON object, and where it cannot be read."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as file:
            for number, text in enumerate(file, start=1):
                if not text.strip():
                    continue
                place = f"{config_path}: {path}, line {number}"
                try:
                    members = json.loads(text)
                except ValueError:  # of JSON or of UTF-8
                    members = None
                if not isinstance(members, dict):
                    raise InputError(
                        f'{place}: expected a JSON object, as {{"audio_filepath": "a.wav"}}, got {text[:40]!r}'
                    )
                yield Line(place, members)
    except FileNotFoundError:
        raise InputError(f"{config_path}: {str(path)!r} is not there; correct the path") from None
    except (OSError, EOFError) as error:  # a folder, no permission, no gzip or a torn one
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{config_path}: {path}: cannot be read: {reason}") from None

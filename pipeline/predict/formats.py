"""Forms in which answers are printed: a table, JSON, JSON lines, CSV. Each answer is written as soon as it is there."""

import csv
import io
import json
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from training.inference.answers import Prediction, Segment

NONE = "–"  # in a table, in the place of labels


class Writer:
    """Base class of the forms.

    Parameters
    ----------
    out : text file
    classes : sequence of str
    version : str
        Version of the model.
    """

    def __init__(self, out: TextIO, classes: Sequence[str], version: str) -> None:
        self._out = out
        self._classes = classes
        self._version = version

    def begin(self) -> None:
        """Write what comes before the first answer."""

    def answer(self, name: str, prediction: Prediction) -> None:
        """Write the answer for a recording."""
        raise NotImplementedError

    def fault(self, name: str, reason: str) -> None:
        """Write why a recording has no answer."""
        raise NotImplementedError

    def end(self) -> None:
        """Write what comes after the last answer."""


class JsonLines(Writer):
    """An object on each line."""

    def answer(self, name: str, prediction: Prediction) -> None:
        self._write({"file": name} | prediction.described())

    def fault(self, name: str, reason: str) -> None:
        self._write({"file": name, "error": reason})

    def _write(self, row: dict[str, Any]) -> None:
        print(as_json(row), file=self._out, flush=True)


class JsonArray(JsonLines):
    """All objects in one array."""

    _separator = "[\n"

    def _write(self, row: dict[str, Any]) -> None:
        self._out.write(self._separator + as_json(row))
        self._out.flush()
        self._separator = ",\n"

    def end(self) -> None:
        print("[]" if self._separator == "[\n" else "\n]", file=self._out)


class Csv(Writer):
    """A row for each recording, without a place in time, and after it one for each of its segments, if it has several.

    A bad recording has its reason in the last column.
    """

    def begin(self) -> None:
        shares = [f"probability {name}" for name in self._classes]
        self._write(["file", "start_s", "end_s", "class", "sure", "confidence", *shares, "model_version", "error"])

    def answer(self, name: str, prediction: Prediction) -> None:
        segments = prediction.segments
        for answer in (prediction, *(segments if len(segments) > 1 else ())):
            self._answer_row(name, answer)

    def fault(self, name: str, reason: str) -> None:
        self._write([name, *[""] * (len(self._classes) + 5), self._version, reason])

    def _answer_row(self, name: str, answer: Prediction | Segment) -> None:
        place = [f"{answer.start_s:.6g}", f"{answer.end_s:.6g}"] if isinstance(answer, Segment) else ["", ""]
        shares = [f"{share:.7g}" for share in (answer.confidence, *answer.probabilities.values())]
        sure = str(answer.sure).lower()
        self._write([name, *place, answer.class_name, sure, *shares, self._version, ""])

    def _write(self, cells: list[str]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(cells)
        self._out.write(text.getvalue())
        self._out.flush()


class Table(Writer):
    """A line for each recording, for people; segments are indented below it, if there are several."""

    def begin(self) -> None:
        self._console = Console(file=self._out, highlight=False, soft_wrap=True)
        self._width = max(len("class"), *(len(shown(name)) for name in self._classes))
        self._console.print(Text(f"{'class':{self._width}}  confidence  {'':8}  file", style="dim"))

    def answer(self, name: str, prediction: Prediction) -> None:
        self._console.print(self._line(prediction).append(f"  {shown(name)}"))
        segments = prediction.segments
        for segment in segments if len(segments) > 1 else ():
            place = f"  {clock(segment.start_s)} – {clock(segment.end_s)}"
            self._console.print(self._line(segment).append(place, style="dim"))

    def fault(self, name: str, reason: str) -> None:
        print(f"otogura: {shown(name)}: {reason}", file=sys.stderr, flush=True)

    def _line(self, answer: Prediction | Segment) -> Text:
        bold = "bold" if isinstance(answer, Prediction) else ""
        line = Text(f"{shown(answer.class_name) or NONE:{self._width}}", style=bold)
        line.append(f"  {answer.confidence:10.4f}")
        return line.append("          " if answer.sure else "  not sure", style="yellow")


FORMATS: dict[str, type[Writer]] = {"table": Table, "json": JsonArray, "jsonl": JsonLines, "csv": Csv}


def as_json(row: dict[str, Any]) -> str:
    """Return JSON on one line; a name that is no UTF-8 is written in escapes, so that the line is."""
    text = json.dumps(row, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(row)
    return text


def shown(name: str) -> str:
    """Return a name on one line of a terminal, with escapes for what cannot be printed."""
    return name if name.isprintable() else name.encode("unicode_escape").decode()


def clock(seconds: float) -> str:
    """Return a place in a recording as hours, minutes and seconds."""
    minutes, rest_s = divmod(round(seconds, 2), 60)
    return f"{int(minutes // 60)}:{int(minutes % 60):02}:{rest_s:05.2f}"

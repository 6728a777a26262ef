"""Records of a columnar JSON object: all waveforms of a file in one array, their labels and groups in others."""

from array import array
from collections.abc import Iterator
from mmap import mmap
from typing import Any

from pipeline.corpus.sources.json.members import Members, Record, value_at
from pipeline.corpus.sources.json.splitter import MalformedError, Span, Splitter, TruncatedError


def columnar_records(data: mmap, splitter: Splitter, members: Members, group: str | None) -> Iterator[Record]:
    """Yield the records of a columnar object, whose end the splitter has passed.

    Broken waveforms have a reason, and so have those whose label, group or rate is missing because the file is cut.

    Parameters
    ----------
    data : mmap
    splitter : Splitter
    members : Members
        Those of the object.
    group : str or None
        Name of the array with the sources of the records.

    Raises
    ------
    MalformedError
        If it is not certain which label belongs to which waveform.
    """
    cut = isinstance(members.error, TruncatedError)
    if members.error is not None and not cut:
        raise members.error
    if members.twice:
        raise MalformedError(f"two members are named {members.twice!r}")
    if not cut and splitter.next():
        raise MalformedError(f"expected the end at byte {splitter.position}")
    places = members.waveforms
    assert places is not None
    spans = dict(members.spans)
    doubtful = cut or members.torn
    missing = [name for name in ("labels", group, "fs") if name and name not in spans] if doubtful else []
    if "labels" in spans and data[spans["labels"].start : spans["labels"].end] == b"null":
        del spans["labels"]
    columns = {}
    for name in ("labels", group):
        if name is not None and (name in spans or (name == group and not doubtful)):
            columns[name] = _column(name, data, splitter, spans.get(name))
            _refuse_other_count(name, len(columns[name]) // 2, places, cut)
    rate_hz = value_at(data, spans["fs"]) if "fs" in spans else None
    count = len(places) // 2
    total = max(count, *(len(column) // 2 for column in columns.values())) if columns else count
    lost = bool(missing)
    for number in range(total):
        span, reason = _place(places, number, len(data) if cut else -1)
        lost = lost or bool(reason)
        if not reason and missing:
            broken = "truncated: the file ends before" if cut else "broken: the array of waveforms has no end before"
            reason = f"{broken} it says {', '.join(missing)}"
        if reason:
            yield Record(span, reason=reason)
            continue
        try:
            label = _value(data, columns.get("labels"), number)
            source = _value(data, columns.get(group), number) if group else None
            yield Record(span, label, source, rate_hz)
        except MalformedError as error:  # in this value alone: its end was found
            yield Record(span, reason=str(error))
    if cut and not lost:
        yield Record(Span(len(data), len(data)), reason="truncated: the file ends after its waveforms")


def _place(places: "array[int]", number: int, cut_at: int) -> tuple[Span, str]:
    """Return the place of a waveform, and the reason if it is broken; `cut_at` is the end of a cut file, or -1."""
    if 2 * number >= len(places):
        return Span(cut_at, cut_at), "truncated: the file ends before this waveform"
    start, end = places[2 * number], places[2 * number + 1]
    if end >= 0:
        return Span(start, end), ""
    if ~end == cut_at:
        return Span(start, start), "truncated: the file ends within this waveform"
    return Span(start, start), f"broken: the {~end - start} bytes from byte {start} on are no array of numbers"


def _column(name: str, data: mmap, splitter: Splitter, span: Span | None) -> "array[int]":
    """Return start and end of each element of an array."""
    if span is None or data[span.start : span.start + 1] != b"[":
        raise MalformedError(f"expected an array of {name} beside the waveforms")
    places = array("q")
    splitter.seek(span.start, span.end)
    for _ in splitter.elements():
        element = splitter.value()
        places.extend((element.start, element.end))
    return places


def _refuse_other_count(name: str, values: int, places: "array[int]", cut: bool) -> None:
    count = len(places) // 2
    if values == count or (cut and values > count):
        return
    broken = [place for place in range(count) if places[2 * place + 1] < 0]
    such = f"; {len(broken)} of them are broken, from byte {places[2 * broken[0]]} on" if broken else ""
    raise MalformedError(f"expected as many {name} as waveforms, found {values} and {count}{such}")


def _value(data: mmap, column: "array[int] | None", number: int) -> Any:
    if column is None:
        return None
    return value_at(data, Span(column[2 * number], column[2 * number + 1]))

"""Probe of audio files: length, rate and hash of a recording, or the reason that it cannot be used."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from features.audio import ContentHash
from features.codecs.sound import CodecSound
from features.decoding import OpenSound
from features.faults import FaultyError, Levels, fault_of, open_checked, truncation
from features.spans import SpanReader, exact_frames
from pipeline.corpus.sources.audio.recording import AudioFile
from pipeline.corpus.sources.base import UNREADABLE

OVERHANG_S = 0.01  # by which tables round the end of a recording


@dataclass(frozen=True)
class Probe:
    """Result of probing one file or part: a good recording has an empty `reason`, a bad one has only a `reason`."""

    content_hash: str = ""  # 32 hexadecimal digits
    samples: int = 0  # at the file's own rate
    sample_rate_hz: int = 0
    reason: str = ""
    by_codecs: bool = False  # whether the extra `codecs` decoded it


@dataclass(frozen=True)
class ProbeTask:
    """Files, segments and parts of files to be probed."""

    files: Sequence[AudioFile]
    refuse_silence: bool


@dataclass
class Measure:
    """Hash and levels of a file, segment or part, updated block by block up to one that is not finite."""

    content: ContentHash
    levels: Levels = field(default_factory=Levels)

    def update(self, block: np.ndarray) -> None:
        if self.levels.finite:
            self.levels.update(block)
            self.content.update(block)


def probe_all(task: ProbeTask) -> list[tuple[AudioFile, Probe]]:
    """Probe files, segments and parts of files; a file is decoded once for all of it that follow each other."""
    probes: list[tuple[AudioFile, Probe]] = []
    for _, following in groupby(task.files, key=lambda file: file.path):
        parts = list(following)
        probes += zip(parts, probe(parts, task.refuse_silence), strict=True)
    return probes


def probe(parts: Sequence[AudioFile], refuse_silence: bool) -> list[Probe]:
    """Return one probe for each part; `parts` is a file alone, or segments or parts of it. A fault is a reason."""
    reasons = [_misplaced(part) for part in parts]
    good = [part for part, reason in zip(parts, reasons, strict=True) if not reason]
    probes = iter(_probe(good, refuse_silence) if good else ())
    return [Probe(reason=reason) if reason else next(probes) for reason in reasons]


def _probe(parts: Sequence[AudioFile], refuse_silence: bool) -> list[Probe]:
    apart = False
    try:
        with open_checked(parts[0].encoded()) as sound:
            apart = exact_frames(sound) is not None and len(parts) > 1 and not all(part.is_whole for part in parts)
            return _decode(sound, parts, refuse_silence)
    except FaultyError as error:
        if apart:  # damage in one place is the fault of no segment elsewhere
            return [one for part in parts for one in _probe([part], refuse_silence)]
        reason = str(error)
    except FileNotFoundError:
        reason = "no such file"
    except OSError as error:
        reason = f"{UNREADABLE}: {error.strerror}"
    return [Probe(reason=reason)] * len(parts)


def _misplaced(part: AudioFile) -> str:
    """Return why no recording has such a segment; empty if one may."""
    if part.start_s < 0:
        return f"the segment begins at {part.start_s:g} s, before the recording"
    if part.end_s is None or part.end_s > part.start_s:
        return ""
    return f"the segment ends at {part.end_s:g} s, and begins at {part.start_s:g} s"


def _decode(sound: OpenSound, parts: Sequence[AudioFile], refuse_silence: bool) -> list[Probe]:
    rate_hz, reader = sound.samplerate, SpanReader(sound)
    measures = [Measure(ContentHash(rate_hz)) for _ in parts]
    if reader.frames is not None or all(part.parts == 1 for part in parts):
        spans = [part.span(rate_hz, reader.frames) for part in parts]
        _measure(reader, spans, measures)
        ends = [start + measure.levels.samples for (start, _), measure in zip(spans, measures, strict=True)]
    else:  # a header may misstate the length by which parts are cut
        ends = _measure_parts(reader, parts, measures)
    probes = []
    for part, measure, end in zip(parts, measures, ends, strict=True):
        short = _shortage(reader, part, end) if measure.levels.finite else ""
        if reason := fault_of(measure.levels, refuse_silence, short):
            probes.append(Probe(reason=reason))
        else:
            content_hash, by_codecs = measure.content.digest().hex(), isinstance(sound, CodecSound)
            probes.append(Probe(content_hash, measure.levels.samples, rate_hz, by_codecs=by_codecs))
    return probes


def _shortage(reader: SpanReader, part: AudioFile, decoded: int) -> str:
    """Return why fewer samples than a segment or part has decode; empty if they are all there.

    `decoded` is where they end. A segment may end a little beyond the recording, since tables round.
    """
    rate_hz = reader.sound.samplerate
    start, stop = part.span(rate_hz)
    if not part.is_whole and start >= reader.end:
        return f"the segment begins at {part.start_s:g} s, and the recording ends at {reader.end / rate_hz:g} s"
    if part.end_s is not None and stop - reader.end > OVERHANG_S * rate_hz + 1:
        return f"the segment ends at {part.end_s:g} s, and the recording at {reader.end / rate_hz:g} s"
    return truncation(reader.sound, decoded) if decoded < part.span(rate_hz, reader.frames)[1] else ""


def _measure(reader: SpanReader, spans: Sequence[tuple[int, int]], measures: Sequence[Measure]) -> None:
    """Measure spans of a recording in one pass over it, however they overlap."""
    order = sorted(range(len(spans)), key=spans.__getitem__)
    waiting, open_spans = deque(order), list[int]()
    for begin, end in _united(spans[number] for number in order):
        for place, block in reader.blocks(begin, end):
            while waiting and spans[waiting[0]][0] < place + len(block):
                open_spans.append(waiting.popleft())
            for number in open_spans:
                start, stop = spans[number]
                measures[number].update(block[max(0, start - place) : stop - place])
            open_spans = [number for number in open_spans if spans[number][1] > place + len(block)]


def _united(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the spans that sorted ones cover together, of which no two touch."""
    begin = end = -1
    for start, stop in spans:
        if start > end:
            if end > begin:
                yield begin, end
            begin = start
        end = max(end, stop)
    if end > begin:
        yield begin, end


def _measure_parts(reader: SpanReader, parts: Sequence[AudioFile], measures: Sequence[Measure]) -> list[int]:
    """Measure equal parts of files or segments that are read forwards; return where each one's segment ends."""
    spans = [part.span(reader.sound.samplerate) for part in parts]
    ends = [0] * len(parts)
    order = sorted(range(len(spans)), key=spans.__getitem__)
    for span, of_span in groupby(order, key=spans.__getitem__):
        samples = reader.read(*span)
        for number in of_span:
            measures[number].update(parts[number].cut(samples))
            ends[number] = span[0] + len(samples)
    return ends

"""Looking at one recording: what it holds, or why it cannot be used."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from features.audio import ContentHash, blocks
from pipeline.recordings import AudioFile

PROBE_VERSION = 2  # raised whenever a probe finds something else in the same file
UNREADABLE = "unreadable"  # begins the reasons that may pass: they are looked at again each time

SILENT_PEAK = 1e-4  # 80 dB below full scale
LOUDEST_PEAK = 1e6  # far beyond any recording, and far below where float32 power overflows

# libsndfile cuts these formats to what is there and notes in its log what the header had stated.
_SHORTER = re.compile(r"^\s*(?:data|Data Size|SSND)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)
# A writer that streams does not know the length and states one of these, or 0.
_UNKNOWN_LENGTH = 0x7FFFF000
# Their headers overstate lengths by habit; what decodes is the truth.
_LOSSY = frozenset({"MP3", "OGG"})


@dataclass(frozen=True)
class Probe:
    """What one file, or a part of it, holds. `reason` is empty for a good recording; otherwise the rest may be."""

    content_hash: str = ""
    samples: int = 0  # at the file's own rate
    sample_rate_hz: int = 0
    reason: str = ""


@dataclass(frozen=True)
class ProbeTask:
    files: Sequence[AudioFile]
    refuse_silence: bool


def probe_all(task: ProbeTask) -> list[tuple[AudioFile, Probe]]:
    """A file is decoded once for all parts of it that follow each other."""
    found: list[tuple[AudioFile, Probe]] = []
    for path, following in groupby(task.files, key=lambda file: file.path):
        parts = list(following)
        found += zip(parts, probe(path, parts, task.refuse_silence), strict=True)
    return found


def probe(path: Path, parts: Sequence[AudioFile], refuse_silence: bool) -> list[Probe]:
    """Decode a file to its end; every fault that it, or one of these parts of it, may have becomes a reason."""
    try:
        with open(path, "rb") as opened:  # libsndfile does not say why it cannot open a file
            empty = not opened.read(1)
        if not empty:
            with soundfile.SoundFile(path) as sound:
                return _decode(sound, parts, refuse_silence)
        reason = "empty file"
    except FileNotFoundError:
        reason = "no such file"
    except OSError as error:
        reason = f"{UNREADABLE}: {error.strerror}"
    except soundfile.SoundFileError as error:
        reason = f"undecodable: {_plain(error)}"
    except (TypeError, ValueError) as error:  # soundfile's words for a form that needs parameters, such as .raw
        reason = f"undecodable: {error}"
    return [Probe(reason=reason)] * len(parts)


def _decode(sound: soundfile.SoundFile, parts: Sequence[AudioFile], refuse_silence: bool) -> list[Probe]:
    lossy = sound.format in _LOSSY
    if not lossy and (cut := _SHORTER.search(sound.extra_info)):
        stated, there = int(cut[1]), int(cut[2])
        if there < stated < _UNKNOWN_LENGTH:
            reason = f"truncated: the header states {stated} bytes of samples, {there} are there"
            return [Probe(reason=reason)] * len(parts)
    if parts[0].parts == 1:
        heard = [_hear(blocks(sound), sound.samplerate)]
        decoded = heard[0].samples
    else:  # of the length that decodes, which only whoever has decoded all of it knows
        whole = np.concatenate([np.zeros(0, np.float32), *blocks(sound)])
        heard = [_hear([part.of(whole)], sound.samplerate) for part in parts]
        decoded = len(whole)
    short = not lossy and decoded < sound.frames
    truncated = f"truncated: the header states {sound.frames} samples, {decoded} decode" if short else ""
    reasons = [
        "NaN or infinite samples" if not part.finite else truncated or fault(part.samples, part.peak, refuse_silence)
        for part in heard
    ]
    return [
        Probe(reason=reason) if reason else Probe(part.content.digest().hex(), part.samples, sound.samplerate)
        for part, reason in zip(heard, reasons, strict=True)
    ]


class _Heard(NamedTuple):
    """Of a recording, up to the first sample that is not finite."""

    content: ContentHash
    samples: int
    peak: float
    finite: bool


def _hear(read: Iterable[np.ndarray], sample_rate_hz: int) -> _Heard:
    content, samples, peak = ContentHash(sample_rate_hz), 0, 0.0
    for block in read:
        if not np.isfinite(block).all():
            return _Heard(content, samples, peak, False)
        content.update(block)
        samples += len(block)
        peak = max(peak, float(np.abs(block).max(initial=0)))
    return _Heard(content, samples, peak, True)


def fault(samples: int, peak: float, refuse_silence: bool) -> str:
    """Why a recording of so many finite samples with this peak cannot be used; empty if it can."""
    if samples == 0:
        return "no samples"
    if peak > LOUDEST_PEAK:
        return f"samples of up to {peak:.2g} times full scale"
    return "silent" if refuse_silence and peak < SILENT_PEAK else ""


def _plain(error: soundfile.SoundFileError) -> str:
    """libsndfile's own words without the path, which stands beside the reason."""
    text = error.error_string if isinstance(error, soundfile.LibsndfileError) else str(error)
    return text.removeprefix("Error : ").strip().rstrip(".")

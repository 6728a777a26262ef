"""Probe of audio files: length, rate and hash of a recording, or the reason that it cannot be used."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import soundfile

from features.audio import ContentHash, blocks, join_blocks
from features.faults import FaultyError, Levels, fault_of, open_checked, truncation
from pipeline.corpus.sources.audio.recording import AudioFile
from pipeline.corpus.sources.base import UNREADABLE


@dataclass(frozen=True)
class Probe:
    """Result of probing one file or part: a good recording has an empty `reason`, a bad one has only a `reason`."""

    content_hash: str = ""  # 32 hexadecimal digits
    samples: int = 0  # at the file's own rate
    sample_rate_hz: int = 0
    reason: str = ""


@dataclass(frozen=True)
class ProbeTask:
    """Files and parts of files to be probed."""

    files: Sequence[AudioFile]
    refuse_silence: bool


def probe_all(task: ProbeTask) -> list[tuple[AudioFile, Probe]]:
    """Probe files and parts of files; a file is decoded once for all parts of it that follow each other."""
    probes: list[tuple[AudioFile, Probe]] = []
    for path, following in groupby(task.files, key=lambda file: file.path):
        parts = list(following)
        probes += zip(parts, probe(path, parts, task.refuse_silence), strict=True)
    return probes


def probe(path: Path, parts: Sequence[AudioFile], refuse_silence: bool) -> list[Probe]:
    """Return one probe for each part; `parts` is the file alone, or parts of it. A fault becomes a reason."""
    try:
        with open_checked(path) as sound:
            return _decode(sound, parts, refuse_silence)
    except FaultyError as error:
        reason = str(error)
    except FileNotFoundError:
        reason = "no such file"
    except OSError as error:
        reason = f"{UNREADABLE}: {error.strerror}"
    return [Probe(reason=reason)] * len(parts)


def _decode(sound: soundfile.SoundFile, parts: Sequence[AudioFile], refuse_silence: bool) -> list[Probe]:
    if parts[0].parts == 1:
        measured = [_measure(blocks(sound), sound.samplerate)]
        decoded = measured[0][1].samples
    else:  # a header may misstate the length by which parts are cut
        samples = join_blocks(blocks(sound))
        measured = [_measure([part.cut(samples)], sound.samplerate) for part in parts]
        decoded = len(samples)
    truncated = truncation(sound, decoded)
    reasons = [fault_of(levels, refuse_silence, truncated) for _, levels in measured]
    return [
        Probe(reason=reason) if reason else Probe(content.digest().hex(), levels.samples, sound.samplerate)
        for (content, levels), reason in zip(measured, reasons, strict=True)
    ]


def _measure(decoded: Iterable[np.ndarray], sample_rate_hz: int) -> tuple[ContentHash, Levels]:
    """Return hash and levels of a recording, up to the first block with a sample that is not finite."""
    content, levels = ContentHash(sample_rate_hz), Levels()
    for block in decoded:
        levels.update(block)
        if not levels.finite:
            break
        content.update(block)
    return content, levels

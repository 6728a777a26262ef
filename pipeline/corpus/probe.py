"""Looking at one recording: what it holds, or why it cannot be used."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import soundfile

from features.audio import ContentHash, blocks, join_blocks
from features.faults import FaultyError, Levels, fault_of, open_checked, truncation
from pipeline.corpus.recordings import AudioFile

PROBE_VERSION = 3  # raised whenever a probe finds something else in the same file
UNREADABLE = "unreadable"  # begins the reasons that may pass: they are looked at again each time


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
        heard = [_hear(blocks(sound), sound.samplerate)]
        decoded = heard[0][1].samples
    else:  # of the length that decodes, which only whoever has decoded all of it knows
        whole = join_blocks(blocks(sound))
        heard = [_hear([part.of(whole)], sound.samplerate) for part in parts]
        decoded = len(whole)
    truncated = truncation(sound, decoded)
    reasons = [fault_of(levels, refuse_silence, truncated) for _, levels in heard]
    return [
        Probe(reason=reason) if reason else Probe(content.digest().hex(), levels.samples, sound.samplerate)
        for (content, levels), reason in zip(heard, reasons, strict=True)
    ]


def _hear(read: Iterable[np.ndarray], sample_rate_hz: int) -> tuple[ContentHash, Levels]:
    """Hash and levels of a recording, up to the first block with a sample that is not finite."""
    content, levels = ContentHash(sample_rate_hz), Levels()
    for block in read:
        levels.update(block)
        if not levels.finite:
            break
        content.update(block)
    return content, levels

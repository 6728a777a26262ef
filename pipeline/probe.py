"""Looking at one recording: what it holds, or why it cannot be used."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
    return [(file, probe(file, task.refuse_silence)) for file in task.files]


def probe(file: AudioFile, refuse_silence: bool) -> Probe:
    """Decode a whole file block by block; every fault that a recording may have becomes a reason."""
    try:
        with open(file.path, "rb") as opened:  # libsndfile does not say why it cannot open a file
            if not opened.read(1):
                return Probe(reason="empty file")
        with soundfile.SoundFile(file.path) as sound:
            return _decode(sound, file, refuse_silence)
    except FileNotFoundError:
        return Probe(reason="no such file")
    except OSError as error:
        return Probe(reason=f"{UNREADABLE}: {error.strerror}")
    except soundfile.SoundFileError as error:
        return Probe(reason=f"undecodable: {_plain(error)}")
    except (TypeError, ValueError) as error:  # soundfile's words for a form that needs parameters, such as .raw
        return Probe(reason=f"undecodable: {error}")


def _decode(sound: soundfile.SoundFile, file: AudioFile, refuse_silence: bool) -> Probe:
    lossy = sound.format in _LOSSY
    if not lossy and (cut := _SHORTER.search(sound.extra_info)):
        stated, there = int(cut[1]), int(cut[2])
        if there < stated < _UNKNOWN_LENGTH:
            return Probe(reason=f"truncated: the header states {stated} bytes of samples, {there} are there")
    content = ContentHash(sound.samplerate)
    samples, peak, decoded = 0, 0.0, None
    read: Iterable[np.ndarray] = blocks(sound)
    if file.parts > 1:  # of the length that decodes, which only whoever has decoded all of it knows
        whole = np.concatenate([np.zeros(0, np.float32), *read])
        read, decoded = [file.of(whole)], len(whole)
    for block in read:
        if not np.isfinite(block).all():
            return Probe(reason="NaN or infinite samples")
        content.update(block)
        samples += len(block)
        peak = max(peak, float(np.abs(block).max(initial=0)))
    decoded = samples if decoded is None else decoded
    if not lossy and decoded < sound.frames:
        return Probe(reason=f"truncated: the header states {sound.frames} samples, {decoded} decode")
    if reason := fault(samples, peak, refuse_silence):
        return Probe(reason=reason)
    return Probe(content.digest().hex(), samples, sound.samplerate)


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

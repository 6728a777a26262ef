"""Small corpora of synthesised sound."""

from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 22050


def tone(hz: float, seconds: float, seed: int = 0, rate_hz: int = RATE_HZ) -> np.ndarray:
    """A decaying tone in a little noise: `(samples,)` float32."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    rng = np.random.default_rng(seed)
    return (0.5 * np.sin(2 * np.pi * hz * t) * np.exp(-t) + 0.01 * rng.standard_normal(len(t))).astype(np.float32)


def write_corpus(root: Path, labels: str = "abc", clips: int = 4, seconds: float = 0.5) -> Path:
    """Write `clips` WAV files of `seconds` and more below a folder for each label; returns the root."""
    for place, label in enumerate(labels):
        (root / label).mkdir(parents=True, exist_ok=True)
        for number in range(clips):
            sound = tone(200 * 2**place, seconds + 0.05 * number, seed=100 * place + number)
            soundfile.write(root / label / f"{number}.wav", sound, RATE_HZ)
    return root


def tree(path: Path) -> dict[str, bytes]:
    """All files below a folder and what is in them."""
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def write_overlaps(root: Path, labels: str = "abc", clips: int = 24) -> Path:
    """Write WAV files of one tone and more at a time, and `labels.csv` with their labels, a group and a fold; returns
    the root.
    """
    root.mkdir(parents=True)
    lines = ["path,label,group,fold"]
    for number in range(clips):
        rng = np.random.default_rng(number)
        chosen = [place for place in range(len(labels)) if number >> place & 1] or [number // 8 % len(labels)]
        sound = sum(rng.uniform(0.3, 1) * tone(200 * 2**place, 0.5, seed=number) for place in chosen)
        soundfile.write(root / f"{number:02d}.wav", np.asarray(sound) / len(chosen), RATE_HZ)
        names = "; ".join(labels[place] for place in reversed(chosen))
        lines.append(f"{number:02d}.wav,{names},group {number // 2},{1 + number // 2 % 3 % 2}")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root

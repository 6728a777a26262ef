"""Contract of augmentations."""

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np

from features.augmentations import Augmentation
from features.draws import generator
from features.fourier import Fourier
from features.sound import Clip
from pipeline.check.contract import Check, expect, global_state_kept, milliseconds

RATE_HZ, N_FFT, HOP = 22050, 2048, 512
SECONDS, LENGTHS = 3, (1, 2, 127, 2049)
NAME, CONTENT = "checked", b"content"


def augmentation_checks(augmentation: Augmentation) -> dict[str, Check]:
    """Return the checks of an augmentation with its settings, by what each says."""

    def applied(samples: np.ndarray, seed: int = 0) -> tuple[dict[str, float], np.ndarray]:
        rng = generator(CONTENT, NAME, seed)
        parameters = augmentation.draw(rng)
        return parameters, augmentation.apply(_clip(samples), parameters, rng)

    def draws_by_its_generator() -> str:
        with global_state_kept():
            first = augmentation.draw(generator(CONTENT, NAME, 0))
        second = augmentation.draw(generator(CONTENT, NAME, 0))
        expect(first == second, f"expected the same draw from the same generator, got {first} and {second}")
        return ", ".join(f"{name} {value:.4g}" for name, value in first.items()) or "draws no parameter"

    def same_bytes_again() -> None:
        with global_state_kept():
            first = applied(_noise())[1]
        expect(first.tobytes() == applied(_noise())[1].tobytes(), "expected the same bytes again, got others")

    def float32_of_one_axis() -> str:
        waveform = applied(_noise())[1]
        expect(waveform.dtype == np.float32, f"expected float32, got {waveform.dtype}")
        expect(waveform.ndim == 1, f"expected the shape (samples,), got {waveform.shape}")
        return f"{len(_noise())} samples become {len(waveform)}"

    def leaves_the_clip_alone() -> None:
        samples = _noise()
        applied(samples)
        expect(np.array_equal(samples, _noise()), "expected to leave clip.samples alone, got others")

    def finite_for_whatever_sound() -> None:
        for name, samples in _sounds():
            expect(np.isfinite(applied(samples)[1]).all(), f"expected finite samples, got others for {name}")

    def pickles() -> None:
        again = pickle.loads(pickle.dumps(augmentation))  # noqa: S301  # written here
        expect(again == augmentation, "expected an equal one out of a pickle: workers get it so")

    def time_per_clip() -> str:
        return f"{milliseconds(lambda: applied(_noise())):.2f} ms for {SECONDS} s at {RATE_HZ} Hz"

    return {
        "draws by the generator that is given": draws_by_its_generator,
        "the same generator gives the same bytes": same_bytes_again,
        "a waveform (samples,) float32": float32_of_one_axis,
        "leaves the clip alone": leaves_the_clip_alone,
        "finite for silence, noise and clips of a few samples": finite_for_whatever_sound,
        "travels to workers": pickles,
        "time per clip": time_per_clip,
    }


def _noise() -> np.ndarray[Any, np.dtype[np.float32]]:
    return 0.1 * np.random.default_rng(0).standard_normal(SECONDS * RATE_HZ, np.float32)


def _sounds() -> Iterator[tuple[str, np.ndarray]]:
    yield "silence", np.zeros(RATE_HZ, np.float32)
    yield "full scale", np.resize(np.array([1, -1], np.float32), RATE_HZ)
    for length in LENGTHS:
        yield f"{length} samples", _noise()[:length]


def _clip(samples: np.ndarray) -> Clip:
    return Clip(samples, Fourier(N_FFT, HOP), RATE_HZ)

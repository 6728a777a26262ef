"""One contract for all augmentations, and what each of them does by its definition."""

from dataclasses import fields

import numpy as np
import pytest

from features.augmentations import AUGMENTATIONS, Augmentation, Variants
from features.augmentations.noise import Noise
from features.augmentations.pitch import Pitch
from features.augmentations.rolloff import Rolloff
from features.augmentations.shift import Shift
from features.augmentations.stretch import Stretch
from features.draws import generator
from features.fourier import Fourier
from features.sound import Clip

RATE_HZ = 22050
ALL = [*(augmentation() for augmentation in AUGMENTATIONS.values()), Noise(amplitude=0.005), Shift(wrap=True)]


def clip(samples: int = 3000, seed: int = 0) -> Clip:
    signal = np.random.default_rng(seed).standard_normal(samples).astype(np.float32)
    return Clip(signal, Fourier(512, 128), RATE_HZ)


def applied(augmentation: Augmentation, source: Clip, seed: int = 0) -> tuple[dict[str, float], np.ndarray]:
    rng = generator(b"content", "variant", seed)
    parameters = augmentation.draw(rng)
    return parameters, augmentation.apply(source, parameters, rng)


@pytest.mark.parametrize("augmentation", ALL, ids=repr)
class TestContract:
    def test_gives_float32_and_leaves_the_clip_alone(self, augmentation: Augmentation) -> None:
        source = clip()
        before = source.samples.copy()
        _, waveform = applied(augmentation, source)
        assert waveform.dtype == np.float32
        assert waveform.ndim == 1
        np.testing.assert_array_equal(source.samples, before)

    def test_same_key_same_bytes(self, augmentation: Augmentation) -> None:
        first, second = (applied(augmentation, clip()) for _ in range(2))
        assert first[0] == second[0]
        assert first[1].tobytes() == second[1].tobytes()

    def test_another_seed_draws_something_else(self, augmentation: Augmentation) -> None:
        assert applied(augmentation, clip())[1].tobytes() != applied(augmentation, clip(), seed=1)[1].tobytes()

    @pytest.mark.parametrize("samples", [1, 2, 127, 513])
    def test_short_clips(self, augmentation: Augmentation, samples: int) -> None:
        assert np.isfinite(applied(augmentation, clip(samples))[1]).all()

    def test_silence_stays_finite(self, augmentation: Augmentation) -> None:
        silence = Clip(np.zeros(2000, np.float32), Fourier(512, 128), RATE_HZ)
        assert np.isfinite(applied(augmentation, silence)[1]).all()


def test_variants_are_the_files_in_the_order_of_the_augmentations() -> None:
    assert {name: type(value) for name, value in vars(Variants()).items() if name in AUGMENTATIONS} == AUGMENTATIONS
    names = [field.name for field in fields(Variants)]
    assert names[:5] == ["noise", "shift", "stretch", "pitch", "rolloff"]  # later ones come after them, as in stores
    assert len({augmentation.order for augmentation in AUGMENTATIONS.values()}) == len(AUGMENTATIONS)


def test_the_generator_is_keyed_as_defined() -> None:
    from hashlib import blake2b

    key = int.from_bytes(blake2b(b"\1" * 16 + b"noise" + (7).to_bytes(8, "little"), digest_size=16).digest(), "little")
    expected = np.random.Generator(np.random.Philox(key=key)).uniform(15, 30)
    assert Noise().draw(generator(b"\1" * 16, "noise", 7)) == {"snr_db": expected}


def test_noise_has_the_drawn_ratio() -> None:
    source = clip(200_000)
    parameters, waveform = applied(Noise(), source)
    noise = waveform.astype(np.float64) - source.samples
    snr_db = 10 * np.log10(np.mean(source.samples.astype(np.float64) ** 2) / np.mean(noise**2))
    assert snr_db == pytest.approx(parameters["snr_db"], abs=0.05)
    assert 15 <= parameters["snr_db"] <= 30


def test_noise_of_a_fixed_amplitude() -> None:
    source = clip(200_000)
    _, waveform = applied(Noise(amplitude=0.005), source)
    assert np.std(waveform - source.samples) == pytest.approx(0.005, rel=0.02)


@pytest.mark.parametrize("fraction", [-0.2, -0.001, 0.0, 0.2, 1.0, -1.5])
def test_shift_moves_and_fills_with_zeros(fraction: float) -> None:
    source = clip(1000)
    waveform = Shift().apply(source, {"fraction": fraction}, np.random.default_rng())
    later = round(fraction * 1000)
    expected = np.zeros(1000, np.float32)
    for place in range(1000):
        if 0 <= place - later < 1000:
            expected[place] = source.samples[place - later]
    np.testing.assert_array_equal(waveform, expected)


def test_wrapping_shift_loses_nothing() -> None:
    source = clip(1000)
    waveform = Shift(wrap=True).apply(source, {"fraction": 0.25}, np.random.default_rng())
    np.testing.assert_array_equal(waveform, np.roll(source.samples, 250))


@pytest.mark.parametrize("rate", [0.85, 1.0, 1.15])
def test_stretch_has_librosas_length(rate: float) -> None:
    assert len(Stretch().apply(clip(5000), {"rate": rate}, np.random.default_rng())) == round(5000 / rate)


def test_stretching_by_one_changes_nothing() -> None:
    source = clip(5000)
    waveform = Stretch().apply(source, {"rate": 1.0}, np.random.default_rng())
    np.testing.assert_allclose(waveform[:4500], source.samples[:4500], atol=1e-4)


def test_pitch_moves_a_tone_by_semitones() -> None:
    t = np.arange(RATE_HZ) / RATE_HZ
    source = Clip(np.sin(2 * np.pi * 440 * t).astype(np.float32), Fourier(2048, 512), RATE_HZ)
    waveform = Pitch().apply(source, {"semitones": 2.0}, np.random.default_rng())
    assert len(waveform) == len(t)
    spectrum = np.abs(np.fft.rfft(waveform[4096:-4096] * np.hanning(len(t) - 8192), 1 << 18))
    assert np.argmax(spectrum) * RATE_HZ / (1 << 18) == pytest.approx(440 * 2 ** (2 / 12), rel=2e-3)


def test_rolloff_takes_from_above_the_cutoff_only() -> None:
    t = np.arange(RATE_HZ) / RATE_HZ
    low, high = np.sin(2 * np.pi * 500 * t), np.sin(2 * np.pi * 6000 * t)
    source = Clip((low + high).astype(np.float32), Fourier(2048, 512), RATE_HZ)
    waveform = Rolloff().apply(source, {"cutoff_hz": 3000.0, "gain": 0.25}, np.random.default_rng())
    middle = slice(4096, -4096)
    np.testing.assert_allclose(waveform[middle], (low + 0.25 * high)[middle], atol=2e-3)

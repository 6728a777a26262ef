"""The tensors against librosa and scipy in double precision, over signals from music to silence."""

import numpy as np
import oracle
import pytest

from features.audio import content_hash
from features.decibels import decibels
from features.extractor import FeatureExtractor, draw_parameters
from features.sound import Sound
from features.tensors.four_channel import Recipe
from features.tensors.log_mel import LogMelRecipe
from features.tensors.waveform import WaveformRecipe

RATE_HZ = 22050
FULL = Recipe(dtype="float32")
HALF = Recipe()
rng = np.random.default_rng


def music(samples: int) -> np.ndarray:
    t = np.arange(samples) / RATE_HZ
    partials = sum(
        np.sin(2 * np.pi * hz * t * (1 + 0.001 * np.sin(5 * t))) * np.exp(-3 * ((2 * t) % 1)) / k
        for k, hz in enumerate([220, 277, 330, 440, 880], 1)
    )
    return 0.2 * partials + 0.001 * rng(1).standard_normal(samples)


def impulses(samples: int) -> np.ndarray:
    signal = 1e-4 * rng(2).standard_normal(samples)
    signal[:: RATE_HZ // 3] += 0.9
    return signal


def high_notes_out_of_rest() -> np.ndarray:
    """Frequencies that are silent beside a low note until they sound: in float32 their phase would be noise."""
    t = np.arange(4 * RATE_HZ) / RATE_HZ
    low = 0.5 * np.sin(2 * np.pi * 100 * t)
    high = sum(np.sin(2 * np.pi * hz * t) for hz in (6000, 7000, 8000)) * np.clip(t - 2, 0, 0.2)
    return low + high


SIGNALS = {
    "music": music(30 * RATE_HZ),
    "noise": 0.1 * rng(3).standard_normal(30 * RATE_HZ),
    "impulses": impulses(12 * RATE_HZ),
    "clipped": np.clip(3 * music(10 * RATE_HZ), -1, 1),
    "above full scale": 2.5 * music(6 * RATE_HZ),
    "quiet": 1e-4 * music(8 * RATE_HZ),
    "silence": np.zeros(5 * RATE_HZ),
    "constant": np.full(5 * RATE_HZ, 0.25),
    "half silent": np.concatenate([music(4 * RATE_HZ), np.zeros(4 * RATE_HZ)]),
    "high notes out of rest": high_notes_out_of_rest(),
    "one sample": np.array([0.5]),
    "eight frames": music(7 * 512 + 100),
    "1319 frames": music(1318 * 512),
    "1320 frames": music(1319 * 512),
    "longer than 1320 frames": music(1321 * 512),
    "ten minutes": np.tile(music(60 * RATE_HZ), 10),
}


def cut(signal: np.ndarray) -> np.ndarray:
    """The length rule, said once more without our code."""
    start = max(0, (len(signal) - 675328) // 2)
    return signal.astype(np.float32)[start : start + 675328]


def tensor(recipe: Recipe, waveform: np.ndarray, variant: str = "original") -> np.ndarray:
    engine = FeatureExtractor(recipe)
    waveform = waveform.astype(np.float32)
    clip = engine.clip(waveform, RATE_HZ)
    return dict(engine.compute(clip, content_hash(waveform, RATE_HZ), [variant]))[variant].values


@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large:UserWarning")  # librosa, of the single sample
@pytest.mark.parametrize("name", SIGNALS)
def test_original_in_float32_is_librosas(name: str) -> None:
    expected = oracle.tensor(cut(SIGNALS[name]))
    np.testing.assert_allclose(tensor(FULL, SIGNALS[name]), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large:UserWarning")
@pytest.mark.parametrize("name", SIGNALS)
def test_log_mel_is_within_a_thousandth_of_a_decibel(name: str) -> None:
    """In decibels, before normalisation; of a constant, whose spectrum beyond the first bins is rounding, too."""
    samples = cut(SIGNALS[name])
    engine = FeatureExtractor(FULL)
    clip = engine.clip(samples, RATE_HZ)
    found = decibels(engine.assembly.mel.power(clip.power(), clip.frames))
    np.testing.assert_allclose(found, oracle.log_mel(samples), rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", ["music", "noise", "impulses", "eight frames", "ten minutes"])
def test_original_in_float16_is_librosas_to_its_rounding(name: str) -> None:
    expected = oracle.tensor(cut(SIGNALS[name]))
    np.testing.assert_allclose(tensor(HALF, SIGNALS[name]), expected, rtol=2**-10, atol=2e-3)


@pytest.mark.parametrize("name", ["music", "noise", "impulses", "clipped", "eight frames", "high notes out of rest"])
def test_augmented_waveforms_are_librosas(name: str) -> None:
    samples = cut(SIGNALS[name])
    engine = FeatureExtractor(FULL)
    clip = engine.clip(samples, RATE_HZ)
    content = content_hash(samples, RATE_HZ)
    parameters = draw_parameters(FULL, content)
    expected = {
        "stretch": oracle.stretched(samples, parameters["stretch"]["rate"]),
        "pitch": oracle.pitched(samples, parameters["pitch"]["semitones"]),
        "rolloff": oracle.rolled_off(samples, **parameters["rolloff"]),
    }
    for variant, waveform in expected.items():
        ours = engine.waveform(clip, content, variant)
        assert ours.shape == waveform.shape
        error = np.sum((ours - waveform) ** 2)
        assert 10 * np.log10(np.sum(waveform**2) / error) > 80, variant


@pytest.mark.parametrize("variant", ["noise", "shift", "rolloff"])
def test_variants_are_analysed_like_any_waveform(variant: str) -> None:
    samples = cut(SIGNALS["music"])
    engine = FeatureExtractor(FULL)
    waveform = engine.waveform(engine.clip(samples, RATE_HZ), content_hash(samples, RATE_HZ), variant)
    np.testing.assert_allclose(tensor(FULL, samples, variant), oracle.tensor(waveform), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("seconds", [0.2, 4, 5, 8])
def test_one_log_mel_channel_is_librosas(seconds: float) -> None:
    recipe = LogMelRecipe(dtype="float32")
    engine = FeatureExtractor(recipe)
    signal = music(round(seconds * 44100)).astype(np.float32)
    clip = engine.clip(signal, 44100)
    found = engine.assembly(clip)
    whole = oracle.log_mel_htk(clip.samples)
    left = (431 - whole.shape[1]) // 2
    padded = np.pad(whole, ((0, 0), (left, 431 - whole.shape[1] - left)), mode="reflect")
    np.testing.assert_allclose(found.values[:, :, 0], padded, rtol=0, atol=1e-3)
    np.testing.assert_allclose(found.statistics, [[whole.mean(), whole.std()]], rtol=1e-4)


@pytest.mark.parametrize("samples", [2, 20, 3000, 44100, 60000])
def test_a_waveform_is_scipys(samples: int) -> None:
    engine = FeatureExtractor(WaveformRecipe())
    signal = (music(samples) + 0.1).astype(np.float32)
    found = engine.assembly(Sound(signal, engine.fourier))
    np.testing.assert_allclose(found.values, oracle.band_passed(signal, 44100), rtol=0, atol=1e-6)
    clip = engine.clip(signal, 44100)
    np.testing.assert_array_equal(clip.samples, signal[-44100:])


def test_a_longer_variant_is_cut_after_its_deltas() -> None:
    """Maximum, floor and deltas see all frames of a stretched clip, of which 1320 stay."""
    samples = cut(SIGNALS["music"])
    recipe = Recipe(dtype="float32", variants={"stretch": {"rate": 0.85}})
    engine = FeatureExtractor(recipe)
    waveform = engine.waveform(engine.clip(samples, RATE_HZ), content_hash(samples, RATE_HZ), "stretch")
    assert 1 + len(waveform) // 512 > 1320
    np.testing.assert_allclose(tensor(recipe, samples, "stretch"), oracle.tensor(waveform), rtol=1e-3, atol=1e-3)


def test_statistics_undo_the_normalisation() -> None:
    import librosa

    samples = cut(SIGNALS["music"])
    engine = FeatureExtractor(FULL)
    tensors = dict(engine.compute(engine.clip(samples, RATE_HZ), content_hash(samples, RATE_HZ), ["original"]))
    location, scale = tensors["original"].statistics[0]
    frames = 1 + len(samples) // 512
    left = (1320 - frames) // 2
    log_mel = tensors["original"].values[:, left : left + frames, 0] * scale + location
    spectrum = np.abs(librosa.stft(samples.astype(np.float64))) ** 2
    mel = librosa.filters.mel(sr=RATE_HZ, n_fft=2048) @ spectrum
    np.testing.assert_allclose(log_mel, librosa.power_to_db(mel, ref=np.max), atol=1e-2)

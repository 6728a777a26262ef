"""Each kernel against numpy, scipy or the sum that defines it."""

import numpy as np
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st

from features import normal
from features.fft_constants import factors
from features.fourier import BLOCK_FRAMES, Fourier
from features.kernels.half import interleave_half
from features.kernels.hops import end_to_end, side_by_side
from features.kernels.product import multiply
from features.mel import MelBank

# Powers of two and of four, what speech recipes use, a prime, and a prime squared.
LENGTHS = [2, 4, 6, 8, 32, 400, 512, 1000, 1024, 2 * 101, 2 * 49, 2048]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def by_definition(signal: np.ndarray, n_fft: int, hop: int) -> np.ndarray:
    """The STFT `(frames, bins)` in double precision."""
    padded = np.pad(signal.astype(np.float64), n_fft // 2)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    return np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop] * window)


def complex_frames(blocks: list[np.ndarray]) -> np.ndarray:
    """Blocks `(2, bins, frames)` as `(frames, bins)` complex."""
    return np.concatenate([block[0] + 1j * block[1] for block in blocks], axis=1).T


@pytest.mark.parametrize("n_fft", LENGTHS)
@pytest.mark.parametrize("frames", [1, BLOCK_FRAMES, BLOCK_FRAMES + 3])
def test_spectra_of_any_length(n_fft: int, frames: int) -> None:
    hop = max(1, n_fft // 3)
    signal = noise(max(1, (frames - 1) * hop))
    fourier = Fourier(n_fft, hop)
    expected = by_definition(signal, n_fft, hop)
    size = np.abs(expected).max()
    found = complex_frames([block.copy() for block in fourier.spectra(signal)])
    assert found.shape == (fourier.frames(len(signal)), fourier.bins)
    np.testing.assert_allclose(found, expected, rtol=1.2e-7, atol=1e-13 * size)
    power = np.concatenate([block.copy() for block in fourier.power(signal)], axis=1).T
    np.testing.assert_allclose(power, np.abs(expected) ** 2, rtol=1e-5, atol=2e-6 * size**2)


@pytest.mark.parametrize("n_fft", LENGTHS)
def test_the_inverse_gives_the_signal_back(n_fft: int) -> None:
    hop = max(1, n_fft // 4)
    signal = noise(70 * hop + 5)
    fourier = Fourier(n_fft, hop)
    spectra = [block.astype(np.float32) for block in fourier.spectra(signal)]
    covered = slice(None) if n_fft > 2 else slice(None, None, 2)  # a Hann window of two samples sees every other one
    np.testing.assert_allclose(fourier.inverse(spectra, len(signal))[covered], signal[covered], atol=2e-6)


def test_the_inverse_ignores_imaginary_parts_of_the_first_and_last_bin() -> None:
    fourier = Fourier(64, 16)
    spectra = [block.astype(np.float32) for block in fourier.spectra(noise(640))]
    plain = fourier.inverse(spectra, 640)
    for block in spectra:
        block[1, [0, -1]] = 7
    np.testing.assert_array_equal(fourier.inverse(spectra, 640), plain)


def test_factors_are_fours_and_primes() -> None:
    for n in range(1, 300):
        found = factors(n)
        assert np.prod(found) == n
        assert all(factor == 4 or all(factor % k for k in range(2, factor)) for factor in found)


@settings(max_examples=50)
@given(samples=st.integers(1, 400), hop=st.integers(1, 40), lead=st.integers(0, 50), more=st.integers(0, 3))
def test_hops_are_the_padded_signal_cut_up(samples: int, hop: int, lead: int, more: int) -> None:
    signal = noise(samples)
    count = -(-(samples + lead) // hop) + more
    hops = np.full((hop, count), np.nan, np.float32)
    side_by_side(signal, lead, hops)
    padded = np.pad(signal, (lead, count * hop - lead - samples))
    np.testing.assert_array_equal(hops, padded.reshape(count, hop).T)
    back = np.full(samples + 5, np.nan, np.float32)
    end_to_end(hops, lead, back)
    np.testing.assert_array_equal(back, np.pad(padded, (0, samples + 5))[lead : lead + samples + 5])


def test_mel_power_is_the_product_with_the_filters() -> None:
    filters = np.zeros((4, 20), np.float32)
    for band, (start, end) in enumerate([(0, 3), (2, 9), (5, 5), (18, 20)]):  # one band is empty
        filters[band, start:end] = 1 + np.arange(end - start)
    power = noise(20, 100) ** 2
    found = MelBank(filters).power([power[:, :64].copy(), power[:, 64:].copy()], 100)
    np.testing.assert_allclose(found, filters @ power, rtol=1e-6)


@pytest.mark.parametrize(("m", "n"), [(1, 4), (2, 3), (13, 128), (128, 13)])
@pytest.mark.parametrize("frames", [1, 513, 1320])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_product_is_summed_in_order(m: int, n: int, frames: int, dtype: type[np.floating]) -> None:
    rng = np.random.default_rng(m)
    matrix, rows = rng.standard_normal((m, n)).astype(dtype), rng.standard_normal((n, frames)).astype(dtype)
    found = np.full((m, frames), np.nan, dtype)
    multiply(matrix, rows, found)
    bound = n * np.finfo(dtype).eps * (np.abs(matrix) @ np.abs(rows))
    assert (np.abs(found - matrix @ rows) <= bound).all()
    alone = np.empty((m, 1), dtype)
    multiply(matrix, np.ascontiguousarray(rows[:, -1:]), alone)
    np.testing.assert_array_equal(found[:, -1:], alone)  # wherever a frame lies in a vector


def test_half_is_numpys_float16() -> None:
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    exact = every[np.isfinite(every)].astype(np.float32)
    between = (exact[:-1] + exact[1:]) / 2  # ties
    rng = np.random.default_rng(0)
    others = (rng.standard_normal(50_000) * 2.0 ** rng.integers(-30, 15, 50_000)).astype(np.float32)
    values = np.clip(np.concatenate([exact, between, others]), -65504, 65504)
    values = np.resize(values, (4, 7, -(-len(values) // 28)))
    found = np.zeros((7, values.shape[2] + 3, 4), np.float16)
    interleave_half(values, 3, found.view(np.uint16))
    assert found[:, 3:].tobytes() == np.moveaxis(values, 0, -1).astype(np.float16).tobytes()
    assert not found[:, :3].any()


def test_half_is_clipped_to_what_float16_holds() -> None:
    values = np.array([1e30, -1e30, 65519, 65521], np.float32).reshape(4, 1, 1)
    found = np.zeros((1, 1, 4), np.float16)
    interleave_half(values, 0, found.view(np.uint16))
    np.testing.assert_array_equal(found.ravel(), [65504, -65504, 65504, 65504])


@pytest.mark.parametrize("words_per_number", [1.03, 0.3])
def test_noise_is_numpys(words_per_number: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the one number in four thousand from the tail, and when words run out on the way."""
    monkeypatch.setattr(normal, "_WORDS_PER_NUMBER", words_per_number)
    silence = np.zeros(1_000_000, np.float32)
    for key in range(3):
        ours, numpys = (np.random.Generator(np.random.Philox(key=key)) for _ in range(2))
        expected = numpys.standard_normal(len(silence), np.float32)
        assert np.abs(expected).max() > normal.TAIL
        np.testing.assert_array_equal(normal.plus_noise(silence, 1, ours), expected)


def test_noise_is_added_as_loud_as_asked() -> None:
    signal = noise(10_000)
    ours, numpys = (np.random.Generator(np.random.Philox(key=3)) for _ in range(2))
    expected = signal + np.float32(0.5) * numpys.standard_normal(10_000, np.float32)
    np.testing.assert_allclose(normal.plus_noise(signal, 0.5, ours), expected, rtol=1e-5, atol=1e-7)


def test_a_library_gives_the_same_spectra() -> None:
    """Compute the same by scipy's transform, for a clip's worth of frames."""
    signal = noise(100_000)
    fourier = Fourier(2048, 512)
    padded = np.pad(signal, 1024)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2048)[::512] * fourier.window
    found = complex_frames([block.copy() for block in fourier.spectra(signal)])
    np.testing.assert_allclose(found, scipy.fft.rfft(frames), rtol=1.2e-7, atol=1e-11)

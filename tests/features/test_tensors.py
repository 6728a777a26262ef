"""Planes of numbers as they are stored: interleaved, reflected to their length, and within the range of their type."""

import numpy as np
import pytest

from features.tensors.base import centre, channels_last


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_numbers_beyond_the_type_become_its_largest(channels: int, dtype: str) -> None:
    """Also for the channel counts that the compiled kernel does not know."""
    planes = np.zeros((channels, 2, 3), np.float32)
    planes[:, 0, 0], planes[:, 1, 2] = 1e6, -1e38
    values = channels_last(planes, 3, dtype)
    assert values.dtype == dtype
    assert values.shape == (2, 3, channels)
    largest = {"float16": 65504.0, "float32": 1e38}[dtype]
    assert np.isfinite(values).all()
    assert values[0, 0].tolist() == pytest.approx([min(1e6, largest)] * channels)
    assert values[1, 2].tolist() == pytest.approx([-largest] * channels)


@pytest.mark.parametrize(("count", "frames"), [(3, 3), (3, 8), (1, 4), (2, 9)])
@pytest.mark.parametrize("channels", [1, 4])
def test_short_clips_are_reflected_on_both_sides(count: int, frames: int, channels: int) -> None:
    planes = np.arange(channels * 2 * count, dtype=np.float32).reshape(channels, 2, count)
    left = (frames - count) // 2
    expected = np.pad(planes, [(0, 0), (0, 0), (left, frames - count - left)], mode="reflect").transpose(1, 2, 0)
    np.testing.assert_array_equal(channels_last(planes, frames, "float32"), expected)


def test_the_centre_of_longer_rows() -> None:
    assert centre(np.arange(7)[np.newaxis], 4).tolist() == [[1, 2, 3, 4]]
    assert centre(np.arange(3)[np.newaxis], 4).tolist() == [[0, 1, 2]]

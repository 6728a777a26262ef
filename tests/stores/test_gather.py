"""Batches copied past the caches hold what a plain copy holds."""

import numpy as np
import pytest

from stores.gather import LEAST_BYTES, gather, suits
from stores.positioned import page_aligned

FLOAT16 = np.dtype(np.float16)


@pytest.mark.parametrize("offset", [0, 2, 16, 40])
@pytest.mark.parametrize("values", [128, 1280, 100_096])
def test_clips_are_copied_from_anywhere(values: int, offset: int) -> None:
    memory = np.random.default_rng(values).integers(0, 256, 10 * values * 2 + 64).astype(np.uint8)
    clips = memory[offset : offset + 10 * values * 2].view(FLOAT16).reshape(10, values)
    order, places = [7, 0, 3, 3, 9], [4, 0, 1, 5, 2]
    batch = page_aligned((6, values), FLOAT16)
    gather([clips[number].ctypes.data for number in order], batch, places)
    np.testing.assert_array_equal(batch[places].view(np.uint16), clips[order].view(np.uint16))
    assert not batch[3].any()


def test_only_large_batches_of_whole_aligned_vectors_are() -> None:
    large = page_aligned((16, LEAST_BYTES // 32), FLOAT16)
    assert suits(large)
    assert not suits(large[:15])
    assert not suits(page_aligned((16, LEAST_BYTES // 32 + 8), FLOAT16))
    assert not suits(page_aligned((LEAST_BYTES + 16,), np.dtype(np.uint8))[16:].view(FLOAT16).reshape(16, -1))

"""Each test of this folder runs on the CPU, and once more on a GPU where torch finds one."""

import os
from collections.abc import Iterator
from typing import Literal

import pytest
import torch

Device = Literal["cpu", "cuda"]

# cuBLAS repeats itself with it; it is read once, at the first matrix product of the process.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=NO_GPU)])
def device(request: pytest.FixtureRequest) -> Device:
    return request.param


@pytest.fixture
def repeatable(device: Device) -> Iterator[None]:
    """Let a GPU add up in the same order every time."""
    before = torch.are_deterministic_algorithms_enabled()
    if device == "cuda":
        torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    if device == "cuda":
        torch.use_deterministic_algorithms(before)

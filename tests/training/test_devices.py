"""Device and precision of training, and the random states that a checkpoint has."""

from typing import Any

import pytest
import torch

from training.devices import autocast, device_name, device_of, dtype_of, random_states, set_random_states
from training.settings import Training


@pytest.mark.parametrize(
    ("device", "there", "expected"),
    [("auto", True, "cuda"), ("auto", False, "cpu"), ("cpu", True, "cpu"), ("cuda", False, "cuda")],
)
def test_a_gpu_is_used_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, device: Any, there: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert device_of(Training(device=device)) == torch.device(expected)


@pytest.mark.parametrize(
    ("precision", "device", "fast", "expected"),
    [
        ("float32", "cuda", "gpu", torch.float32),
        ("bfloat16", "cpu", "", torch.bfloat16),
        ("float16", "cuda", "gpu", torch.float16),
        ("auto", "cuda", "gpu", torch.bfloat16),
        ("auto", "cuda", "emulated avx512 amx", torch.float16),
        ("auto", "cpu", "avx512", torch.bfloat16),
        ("auto", "cpu", "amx", torch.bfloat16),
        ("auto", "cpu", "gpu", torch.float32),
    ],
)
def test_the_precision_is_what_the_hardware_computes(
    monkeypatch: pytest.MonkeyPatch, precision: Any, device: Any, fast: str, expected: torch.dtype
) -> None:
    def gpu_can(including_emulation: bool = True) -> bool:
        return "gpu" in fast or (including_emulation and "emulated" in fast)

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", gpu_can)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: "avx512" in fast)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: "amx" in fast)
    assert dtype_of(Training(precision=precision, device=device)) == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_matrix_products_are_computed_in_the_precision(dtype: torch.dtype) -> None:
    with autocast(torch.device("cpu"), dtype):
        assert torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3)).dtype == dtype


def test_a_checkpoint_of_more_gpus_goes_on_where_there_are_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine of four GPUs, and then on one that has the first alone."""
    gpus = {index: torch.full((16,), index, dtype=torch.uint8) for index in range(4)}
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: gpus[device.index].clone())
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: gpus[device.index].copy_(state))
    saved = random_states(torch.device("cuda", 3))
    expected = torch.rand(3)
    for index in (1, 2, 3):
        del gpus[index]
    set_random_states(saved, torch.device("cuda", 0))
    assert gpus[0].tolist() == [3] * 16
    assert torch.equal(torch.rand(3), expected)
    set_random_states(saved, torch.device("cpu"))
    assert torch.equal(torch.rand(3), expected)
    set_random_states({"cpu": saved["cpu"]}, torch.device("cuda", 0))
    assert torch.equal(torch.rand(3), expected)
    assert gpus[0].tolist() == [3] * 16


def test_a_gpu_has_the_name_that_torch_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card {device.index}")
    assert device_name(torch.device("cuda", 1)) == "card 1"
    assert device_name(torch.device("cpu")) == "cpu"

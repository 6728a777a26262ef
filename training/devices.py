"""Device and precision of training, and the random states that it draws from."""

from contextlib import AbstractContextManager

import torch
from torch import Tensor

from training.settings import Training

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def device_of(training: Training) -> torch.device:
    """Return the GPU if there is one, unless the settings name a device."""
    if training.device != "auto":
        return torch.device(training.device)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """Return the name of a GPU, or `cpu`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def dtype_of(training: Training) -> torch.dtype:
    """Return the type of the numbers in training; `auto` is bfloat16 only where the hardware computes it itself."""
    if training.precision != "auto":
        return DTYPES[training.precision]
    if device_of(training).type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if fast else torch.float32


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """Return a context in which networks compute in `dtype` what loses nothing by it."""
    # Weights that are cast once would be stale after a step.
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32, cache_enabled=False)


def random_states(device: torch.device) -> dict[str, Tensor]:
    """Return the states of the generators that training on a device draws from: the CPU's, and that of a GPU.

    Those of other GPUs do not count: a run goes on where there are fewer.
    """
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_random_states(states: dict[str, Tensor], device: torch.device) -> None:
    """Let the generators of a device go on from `states`, as far as it has those generators."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)

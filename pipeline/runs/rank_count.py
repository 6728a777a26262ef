"""Number of processes that train together, checked."""

import torch

from pipeline.config.checks import refuse_uneven
from pipeline.support.errors import InputError
from training.devices import device_of
from training.ranks import Ranks
from training.settings import Training


def rank_count(training: Training, config_path: str) -> int:
    """Return the number of ranks that this machine is to start. Raises `InputError` where they cannot train."""
    if training.nodes > 1:
        raise InputError(
            f"{config_path}.training.nodes: expected 1 for Snakemake, which starts one machine, got {training.nodes}; "
            "start `otogura train` by torchrun on each, see docs/several-gpus.md"
        )
    gpus = torch.cuda.device_count() if device_of(training).type == "cuda" else 0
    count = max(1, gpus) if training.devices == "auto" else training.devices
    if gpus and count > gpus:
        raise InputError(
            f"{config_path}.training.devices: expected at most {gpus}, the GPUs that torch finds here, got {count}"
        )
    _refuse_uneven(training, count, config_path)
    return count


def check_shared(training: Training, ranks: Ranks, config_path: str) -> None:
    """Raise `InputError` where the ranks that were started are not those of the settings, or cannot share a batch."""
    if ranks.size > 1 and training.devices != "auto" and training.devices * training.nodes != ranks.size:
        raise InputError(
            f"{config_path}.training: expected {training.devices * training.nodes} processes (devices × nodes), "
            f"got {ranks.size} from torchrun; change one of them"
        )
    _refuse_uneven(training, ranks.size, config_path)


def _refuse_uneven(training: Training, count: int, config_path: str) -> None:
    try:
        refuse_uneven(training, count, config_path)
    except ValueError as error:
        raise InputError(str(error)) from None

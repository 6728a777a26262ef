"""Prediction by a trained network, in float32 on features as the store holds them."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor, nn

from training.evaluation.predictions import Predictions
from training.normalise import features_for
from training.stream import ClipStream


def full_precision() -> AbstractContextManager[None]:
    """Return a context in which a GPU convolves in float32, and repeats itself; TF32 keeps 10 bits."""
    return torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)


@torch.inference_mode()
def logits_of(network: nn.Module, inputs: Mapping[str, Tensor]) -> np.ndarray:
    """Return the logits `(batch, classes)` float32 of a network in evaluation mode.

    Parameters
    ----------
    network : nn.Module
    inputs : mapping
        `features` and, where the network normalises by statistics of training clips, `statistics`, on its device.
    """
    with full_precision():
        logits: np.ndarray = network(features_for(network, inputs).float()).cpu().numpy()
    return logits


def predict(network: nn.Module, stream: ClipStream, device: torch.device) -> Predictions:
    """Run the network over a stream in float32, whatever it was trained in."""
    network = network.to(device).eval()
    parts: dict[str, list[np.ndarray]] = {"row": [], "label": [], "logits": []}
    for batch in stream:
        inputs = {name: batch[name].to(device) for name in batch if name in ("features", "statistics")}
        parts["logits"].append(logits_of(network, inputs))
        for name in ("row", "label"):
            parts[name].append(batch[name].numpy())
    rows, labels, logits = (np.concatenate(parts[name]) for name in ("row", "label", "logits"))
    return Predictions(rows, labels, logits)

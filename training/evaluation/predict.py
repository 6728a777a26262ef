"""Prediction by a trained network, in float32 on features as the store holds them."""

from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import nn

from training.evaluation.predictions import Predictions
from training.normalise import features_for
from training.stream import ClipStream


def full_precision() -> AbstractContextManager[None]:
    """Return a context in which a GPU convolves in float32, and repeats itself; TF32 keeps 10 bits."""
    return torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)


@torch.inference_mode()
def predict(network: nn.Module, stream: ClipStream, device: torch.device) -> Predictions:
    """Run the network over a stream in float32, whatever it was trained in."""
    network = network.to(device).eval()
    parts: dict[str, list[np.ndarray]] = {"row": [], "label": [], "logits": []}
    for batch in stream:
        inputs = {name: batch[name].to(device) for name in batch if name in ("features", "statistics")}
        with full_precision():
            logits = network(features_for(network, inputs).float())
        parts["logits"].append(logits.cpu().numpy())
        for name in ("row", "label"):
            parts[name].append(batch[name].numpy())
    rows, labels, logits = (np.concatenate(parts[name]) for name in ("row", "label", "logits"))
    return Predictions(rows, labels, logits)

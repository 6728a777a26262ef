"""Relevance over the time of a window: where the network looked, and which parts its answer rests on."""

from typing import Any

import numpy as np

from training.evaluation.explanation import explain_clip
from training.inference.model import TrainedModel, batch_of
from training.inference.windows import Window


def relevance(model: TrainedModel, window: Window, class_name: str) -> dict[str, Any]:
    """Return attention and occlusion over the time of a window, as the service answers them.

    Parameters
    ----------
    model : TrainedModel
    window : Window
    class_name : str
        The class whose probability is explained.

    Returns
    -------
    dict
        `class`; `start_s` and `end_s` of the window in its recording; `attention` and `occlusion`, of which each value
        stands for the next `step_s` seconds. Attention is relative, of which 1 is that of equal weights, and None where
        the network does not attend. Occlusion is the loss in the class's probability when that part is hidden.
    """
    number = model.classes.index(class_name)
    task = model.judge.task
    explained = explain_clip(model.network, batch_of([window.tensor]), model.device, -1, -1, number, task)
    attention = explained.attention
    points = len(explained.occlusion if attention is None else attention)
    occlusion = explained.occlusion[np.arange(points) * len(explained.occlusion) // points]
    return {
        "class": class_name,
        "start_s": round(window.start_s, 6),
        "end_s": round(window.end_s, 6),
        "step_s": (window.end_s - window.start_s) / points,
        "attention": None if attention is None else [float(f"{value:.5g}") for value in attention],
        "occlusion": [float(f"{value:.5g}") for value in occlusion],
    }

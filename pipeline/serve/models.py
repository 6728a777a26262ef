"""Models of the service, loaded."""

import math
import timeit
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from features.recipe import SoundRecipe
from training.inference.model import TrainedModel

RATE_HZ, RUNS = 48_000, 3
WORTHWHILE = 1.5


@dataclass
class ServedModel:
    """Model of the service.

    Attributes
    ----------
    name : str
    model : TrainedModel
    threads : int
        The most that its network is worth.
    """

    name: str
    model: TrainedModel
    threads: int = 1

    def described(self) -> dict[str, Any]:
        """Return its members in the answer of /models."""
        model, sound = self.model, isinstance(self.model.recipe, SoundRecipe)
        return {
            "name": self.name,
            "version": model.version,
            "classes": list(model.classes),
            "task": model.description.task,
            "positive": model.description.positive,
            "thresholds": _by_class(model),
            "window_s": model.reader.window_s if sound else None,
            "sample_rate_hz": getattr(model.recipe, "sample_rate_hz", None),
            "kind": model.recipe.kind,
            "not_sure_limit": model.description.not_sure_limit,
            "metrics": model.description.scores,
        }

    def warm_up(self, threads: int) -> None:
        """Answer some noise, so that no client waits for what the first answer loads and compiles.

        If one window goes through the network hardly faster by all threads, it is worth one: those of a small network
        wait for each other for as long as they compute.
        """
        noise = np.random.default_rng(0).uniform(-0.1, 0.1, RATE_HZ).astype(np.float32)
        if isinstance(self.model.recipe, SoundRecipe):
            windows = list(self.model.reader.of_sound([noise], RATE_HZ))
        else:
            windows = list(self.model.reader.of_values(np.resize(noise, math.prod(self.model.recipe.shape))))
        self.model.answer(windows)

        def seconds(count: int) -> float:
            torch.set_num_threads(count)
            return min(timeit.repeat(lambda: self.model.logits([windows[0].tensor]), number=1, repeat=RUNS))

        self.threads = threads if WORTHWHILE * seconds(threads) < seconds(1) else 1


def _by_class(model: TrainedModel) -> dict[str, float] | None:
    """Return the threshold of each label, of a model that answers several."""
    thresholds = model.description.thresholds
    return None if thresholds is None else dict(zip(model.classes, thresholds, strict=True))

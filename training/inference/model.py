"""Trained models, loaded to answer."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from features.tensors.four_channel import Recipe
from training.artefact import DESCRIPTION, read_for_prediction
from training.errors import ArtefactError
from training.evaluation.decision import Decision
from training.evaluation.predict import logits_of
from training.inference.answers import Judge, Prediction
from training.inference.batches import answer_all
from training.inference.windows import Window, WindowReader
from training.models.build import build
from training.normalise import TrainStatistics
from training.tasks import task_of

if TYPE_CHECKING:
    from features.tensors.base import Tensor

# Values of the tensors of a batch. On a CPU larger ones are no faster, and take memory.
CPU_BATCH_VALUES, GPU_BATCH_VALUES = 1 << 21, 1 << 25
LARGEST_BATCH = 64  # windows
NO_STATISTICS = TrainStatistics((0.0,) * len(Recipe.statistics), (1.0,) * len(Recipe.statistics))


def batch_of(tensors: "Sequence[Tensor]") -> dict[str, torch.Tensor]:
    """Return tensors of a recipe as the batch that `features_for` takes."""
    features = torch.from_numpy(np.stack([tensor.values for tensor in tensors]))
    statistics = np.stack([tensor.statistics for tensor in tensors]).astype(np.float32)
    return {
        "features": features.permute(0, 3, 1, 2) if features.ndim == 4 else features,  # channels last, as stored
        "statistics": torch.from_numpy(statistics),
    }


class TrainedModel:
    """Model of a run, with which new recordings are answered as the run's evaluation would.

    Parameters
    ----------
    folder : path
        With `model.json` and `model.safetensors`. Reading them executes nothing.
    device : str, default "auto"
        "cpu", "cuda", or a GPU if there is one.

    Attributes
    ----------
    classes : tuple of str
        Names of the classes, in the order of the network's outputs.
    version : str
        Hash of the weights and of all that the model decides by.
    description : Description
        All of `model.json`.
    batch : int
        Windows that the network takes at a time.

    Raises
    ------
    training.errors.ArtefactError
        If the files are not those of a model, or its features are not those that this otogura computes.
    OSError
        If a file cannot be read.

    Examples
    --------
    >>> import otogura
    >>> model = otogura.load_model("work/runs/genre")
    >>> answer = model.predict("work/demo/genres/funk/funk-00.wav")
    >>> answer.class_name in model.classes
    True
    """

    def __init__(self, folder: str | Path, device: str = "auto") -> None:
        self.description, weights = read_for_prediction(Path(folder))
        described = self.description
        self.classes = described.classes
        self.version = described.version
        self.recipe = described.recipe
        self.device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        positive = None if described.positive is None else self.classes.index(described.positive)
        decision = Decision(
            positive, described.threshold, described.temperature, described.not_sure_limit, described.thresholds
        )
        values = CPU_BATCH_VALUES if self.device.type == "cpu" else GPU_BATCH_VALUES
        self.batch = min(max(1, values // math.prod(self.recipe.shape)), LARGEST_BATCH)
        self.judge = Judge(self.classes, decision, self.version, task_of(described.task))
        with torch.random.fork_rng(devices=[]):  # whose weights are drawn in vain
            standard = NO_STATISTICS if described.normalise == "train" else None
            network = build(described.model, len(self.classes), self.recipe, standard, described.task)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            fault = " ".join(str(error).split())
            raise ArtefactError(
                f"{Path(folder) / DESCRIPTION}: model: expected the layers of the weights beside it, got others "
                f"({fault[:200]}); train it again, or predict with the otogura of then"
            ) from None
        self.network = network.to(self.device).eval()
        self.reader = WindowReader(self.recipe, described.corpus)

    def logits(self, tensors: "Sequence[Tensor]") -> np.ndarray:
        """Return the outputs of the network, `(tensors, classes)` float32, for tensors of the recipe."""
        return logits_of(self.network, {name: value.to(self.device) for name, value in batch_of(tensors).items()})

    def answer(self, windows: Iterable[Window]) -> Prediction:
        """Return the answer for the windows of one recording."""
        ((_, answer),) = answer_all(self, [(None, iter(windows))])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def predict(
        self, sound: str | Path | np.ndarray, rate_hz: int | None = None, *, hop_s: float | None = None
    ) -> Prediction:
        """Answer one recording.

        Parameters
        ----------
        sound : path or array of float, shape (samples,) or (samples, channels)
            Audio file of any format that soundfile reads; or samples in ±1, whose channels are averaged.
        rate_hz : int, optional
            Sample rate of the samples in Hz; not given for a file.
        hop_s : float, optional
            Hear a recording that is longer than a window as a timeline: a window every so many seconds. By default
            a recording that is no longer than those of the corpus is heard as in training, and a longer one as a
            timeline of windows that follow each other.

        Returns
        -------
        Prediction
            With `class_name`, `sure`, `confidence`, `probabilities` and `segments`, and `labels` if the model answers
            several; `merged()` joins neighbouring segments of one class, and `described()` returns what
            `otogura predict --format jsonl` prints.

        Raises
        ------
        ValueError
            If the index of a corpus would not take the recording, with its reason, or an argument has no meaning.
        OSError
            If the file cannot be read.

        Examples
        --------
        >>> import otogura, soundfile
        >>> model = otogura.load_model("work/runs/genre")
        >>> samples, rate_hz = soundfile.read("work/demo/genres/funk/funk-00.wav", dtype="float32")
        >>> answer = model.predict(samples, rate_hz)
        >>> answer.probabilities == model.predict("work/demo/genres/funk/funk-00.wav").probabilities
        True
        >>> [segment.class_name for segment in model.predict(samples, rate_hz, hop_s=2.5).segments]  # doctest: +SKIP
        ['funk', 'funk', 'funk']
        """
        from training.inference.sounds import file_blocks, sample_blocks

        if hop_s is not None and not 0 < hop_s < float("inf"):
            raise ValueError(f"hop_s: expected seconds above 0, got {hop_s!r}")
        if isinstance(sound, np.ndarray):
            return self.answer(self.reader.of_sound(*sample_blocks(sound, rate_hz), hop_s))
        if rate_hz is not None:
            raise ValueError(f"rate_hz: expected with samples alone, got {rate_hz!r} beside a file, which has its own")
        with file_blocks(sound) as (blocks, own_hz):
            return self.answer(self.reader.of_sound(blocks, own_hz, hop_s))

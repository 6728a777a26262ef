"""Requests in the process of the models: recordings that are being answered, and the answer as JSON."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from features.recipe import SoundRecipe
from pipeline.predict.inputs import reason_of
from pipeline.serve.bodies import Body, BodyRecording
from pipeline.serve.refusals import Refusal
from pipeline.serve.shapes import shaped
from training.inference.batches import WindowLog
from training.inference.model import TrainedModel
from training.inference.relevance import relevance
from training.inference.windows import Window

OWN, OUT_OF_MEMORY = "otogura", "the sound needs more memory than the service gives to it"


class Cancelled(Exception):
    """End of the work on a request that nobody waits for any more."""


@dataclass(frozen=True)
class Options:
    """Parameters of a request, by the names of its query."""

    model: str
    shape: Any = OWN
    hop_s: float | None = None
    merge: bool = False
    explain: bool = False
    top_k: int | None = None
    batch: bool = False


class Listening:
    """Recording of a request that is being answered.

    Parameters
    ----------
    recording : BodyRecording
    model : TrainedModel
    explain : bool
        Keep the windows that speak most for each class.
    """

    def __init__(self, recording: BodyRecording, model: TrainedModel, explain: bool) -> None:
        self.name = recording.name
        self.model = model
        self.refusal: Refusal | None = None
        self.ended = False
        self._windows = _windows_of(recording)
        self._log = WindowLog()
        self._explain = explain
        self._strongest: dict[int, tuple[float, Window]] = {}  # by the number of a class: few tensors, however long

    @property
    def done(self) -> bool:
        return self.ended or self.refusal is not None

    def take(self, count: int) -> list[Window]:
        """Return the next windows, of which there are fewer at the end, and none after a fault, which is kept."""
        try:
            windows = list(islice(self._windows, count))
        except ValueError as error:
            self.refusal = Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, reason_of(error))
        except OSError as error:  # a file of the request, which the service itself has written
            self.refusal = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, reason_of(error))
        except MemoryError:
            self.refusal = Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, OUT_OF_MEMORY)
        except Refusal as refusal:
            self.refusal = refusal
        except Cancelled:
            self.ended = True
        else:
            self.ended = len(windows) < count
            return windows
        return []

    def add(self, window: Window, logits: np.ndarray) -> None:
        """Note the logits `(classes,)` of the next window."""
        self._log.add(window, logits)
        if self._explain:
            for number, share in enumerate(self.model.judge.task.probabilities(logits[None])[0].tolist()):
                if number not in self._strongest or share > self._strongest[number][0]:
                    self._strongest[number] = share, window

    def answer(self, options: Options) -> Any:
        """Return the answer, ready for JSON, once all windows have been added. Raises `Refusal` where there is none."""
        if self.refusal is not None:
            raise self.refusal
        prediction = self.model.judge.prediction(self._log.heard(self.model.judge.task))
        explanation = None
        if self._explain:
            explained = prediction.likeliest
            window = self._strongest[self.model.classes.index(explained)][1]
            explanation = relevance(self.model, window, explained)
        answer = shaped(options.shape, prediction, merge=options.merge, top_k=options.top_k, explanation=explanation)
        return {"file": self.name} | answer if options.shape == OWN and self.name else answer


@dataclass
class Job:
    """Request, with its recordings once its body has been read.

    Attributes
    ----------
    number : int
    options : Options
    body : bytes or Path
    folder : Path
        For files of the request.
    content_type : str
        Of the body.
    max_seconds : float
        Longest recording.
    cancelled : Event
        Set where nobody waits for the answer any more.
    listenings : list of Listening
    unfinished : int
        Recordings that are not answered yet.
    """

    number: int
    options: Options
    body: Body
    folder: Path
    content_type: str
    max_seconds: float
    cancelled: Event = field(default_factory=Event)
    listenings: list[Listening] = field(default_factory=list)
    unfinished: int = 0

    def guard(self, blocks: Iterable[np.ndarray], rate_hz: int) -> Iterator[np.ndarray]:
        """Yield blocks of a recording; raise `Refusal` past the longest duration, `Cancelled` if nobody waits."""
        samples = 0
        for block in blocks:
            samples += len(block)
            if self.cancelled.is_set():
                raise Cancelled
            if samples > self.max_seconds * rate_hz:
                reason = f"longer than {self.max_seconds:g} s"
                raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason)
            yield block

    def hear(self, recordings: list[BodyRecording], model: TrainedModel) -> None:
        """Begin with the recordings of the body. Raises `Refusal` if they are not as many as the route answers."""
        if not recordings or (self.options.batch and self.body == b""):
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "the body holds no recording")
        if len(recordings) > 1 and not self.options.batch:
            reason = f"expected one recording, got {len(recordings)}; several are for /predict/batch"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, reason)
        explain = self.options.explain and self.options.shape == OWN and isinstance(model.recipe, SoundRecipe)
        self.listenings = [Listening(recording, model, explain) for recording in recordings]
        self.unfinished = len(recordings)

    def answer(self) -> bytes:
        """Return the answer as JSON: that of the recording, or a list. Raises `Refusal` where a single one has none."""
        if not self.options.batch:
            return as_json(self.listenings[0].answer(self.options))
        answers: list[Any] = []
        for listening in self.listenings:
            try:
                answers.append(listening.answer(self.options))
            except Refusal as refusal:
                answers.append(({"file": listening.name} if listening.name else {}) | {"error": refusal.reason})
        return as_json(answers)


def _windows_of(recording: BodyRecording) -> Iterator[Window]:
    """Yield the windows of a recording; its faults are raised where they are taken, not before."""
    yield from recording.windows()


def as_json(value: Any) -> bytes:
    """Return JSON; characters that are no UTF-8 are written as escapes."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()

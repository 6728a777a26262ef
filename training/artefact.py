"""The trained model as it is used elsewhere: weights in safetensors, and a description in JSON.

Reading either executes nothing. `docs/predict.md` lists the fields of the description.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from features.own import OwnPartError, OwnSettingsError
from features.recipe import ORIGINAL
from features.tensors import AnyRecipe
from stores.files import write_bytes, write_json
from training.errors import ArtefactError
from training.models import Model
from training.settings import Positive, Section, TaskName

WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
FORMAT = 2  # of the description; 1 had neither a number nor what follows `identity`
DECISION = ("positive", "threshold", "thresholds", "temperature", "not_sure_limit")
COPY_AGAIN = "copy the model again, or train it again"
NOT_HASHED = ("format", "scores", "weights_digest", "version")

Probability = Annotated[float, Field(ge=0, le=1)]


class LearnedCorpus(Section):
    """Corpus that a model has learned and was tested on."""

    name: str

    identity: str
    """Hash of the names, labels and contents of all recordings."""

    clips: Positive

    segments: Positive = 1
    """Equal parts of each recording, whose probabilities are averaged."""

    longest_s: Annotated[float, Field(gt=0)] | None = None
    """Duration of the longest recording; up to it a recording is heard as in training. Null: not known."""

    sample_rate_hz: Positive | None = None
    """Rate of JSON records without `fs`. Null: the source has no such records."""


class Description(Section):
    """All of an artefact but its weights, as `model.json` has it."""

    format: Literal[2]
    model: Model
    task: TaskName = "multiclass"
    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    recipe: AnyRecipe
    identity: str
    """That of the recipe's `original` when the features were computed: it tells kernels of another version."""

    normalise: Literal["clip", "train"]
    store: str
    corpus: LearnedCorpus
    positive: str | None = None
    threshold: Probability | None = None
    thresholds: tuple[Probability, ...] | None = None
    """That of each label, where every label is answered by itself."""

    temperature: Annotated[float, Field(gt=0)] | None
    not_sure_limit: Probability | None
    scores: dict[str, float | None]
    weights_digest: str
    version: str

    @model_validator(mode="after")
    def _fits_together(self) -> "Description":
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes: expected each name once")
        if self.positive is not None and (self.positive not in self.classes or len(self.classes) != 2):
            raise ValueError(f"positive: expected one of two classes, got {self.positive!r}")
        if (self.positive is None) != (self.threshold is None):
            raise ValueError("threshold: expected beside positive, and nowhere else")
        if len(self.thresholds or ()) != (len(self.classes) if self.task == "multilabel" else 0):
            raise ValueError("thresholds: expected one for each class of task: multilabel, and nowhere else")
        if not self.model.takes(self.recipe.kind, self.recipe.shape):
            raise ValueError(f"recipe: expected {self.model.input_text}, got {self.recipe.kind} {self.recipe.shape}")
        return self


@dataclass(frozen=True)
class Artefact:
    """Weights by name, and the classes in the order of the network's outputs.

    `version` is a hash of weights, description and decision; `weights_digest` leaves the decision out.
    """

    folder: Path
    weights: dict[str, Tensor]
    classes: list[str]
    recipe: dict[str, Any]
    weights_digest: str
    version: str


def read_artefact(folder: Path) -> Artefact:
    """Return the weights and the classes that `write_artefact` wrote, also those of format 1.

    Raises `ArtefactError` where the files are not those of a model, and `OSError` where they cannot be read.
    """
    described = _read_described(folder)
    kinds = {"classes": list, "recipe": dict, "weights_digest": str, "version": str}
    for key, kind in kinds.items():
        if not isinstance(described.get(key), kind):
            raise ArtefactError(
                f"{folder / DESCRIPTION}: {key}: expected a {kind.__name__}, got {described.get(key)!r}"
            )
    weights = _weights(folder, (folder / WEIGHTS).read_bytes())
    return Artefact(folder, weights, **{key: described[key] for key in kinds})


def read_for_prediction(folder: Path) -> tuple[Description, dict[str, Tensor]]:
    """Return description and weights of a model, if this otogura computes the features that it has learned.

    Raises
    ------
    ArtefactError
        If the files are not those of one model, or the model was trained on features of other kernels, or before
        models said which those are. The text says what to do.
    OSError
        If a file cannot be read.
    """
    path = folder / DESCRIPTION
    described = _read_described(folder)
    if (stated := described.get("format")) != FORMAT:
        age = "an older otogura, which did not say" if stated is None else "another otogura, which says otherwise"
        raise ArtefactError(
            f"{path}: format: expected {FORMAT}, got {stated!r}: this model is of {age} what prediction needs; "
            "train it again (its weights can be the beginning, as init_from)"
        )
    try:
        description = Description.model_validate(described)
    except ValidationError as error:
        raise ArtefactError(f"{path}: {_first_fault(error)}") from None
    data = (folder / WEIGHTS).read_bytes()
    if _digests(data, described) != (description.weights_digest, description.version):
        raise ArtefactError(
            f"{folder}: {WEIGHTS} and {DESCRIPTION} are not of one model, or one is damaged: expected the version "
            f"{description.version}, got {_digests(data, described)[1]}; copy both again, or train again"
        )
    if (identity := description.recipe.identity(ORIGINAL)) != description.identity:
        raise ArtefactError(
            f"{path}: identity: expected {description.identity} of the features that the model has learned, got "
            f"{identity} of those that this otogura computes; train it again, or predict with the otogura of then"
        )
    return description, _weights(folder, data)


def write_artefact(
    folder: Path,
    network: nn.Module,
    *,
    model: Model,
    classes: list[str],
    recipe: dict[str, Any],
    identity: str,
    store: str,
    corpus: LearnedCorpus,
    decision: dict[str, Any],
    scores: dict[str, Any],
    task: TaskName = "multiclass",
) -> str:
    """Write `model.safetensors` and `model.json`; return the version, a hash of both.

    Parameters
    ----------
    folder : Path
    network : nn.Module
        Statistics of training clips, if it normalises by them, are among its weights.
    model : Model
    classes : list of str
        In the order of the outputs.
    recipe : dict
        As the store's manifest describes it.
    identity : str
        That of the tensors of the recipe's `original` in the store.
    store : str
        Identity of the store.
    corpus : LearnedCorpus
    decision : dict
        All that the model decides by: the `positive` of two classes and the `threshold` from which on its probability
        means it, which are missing where the likeliest class counts; the `temperature` by which logits are to be
        divided, and the `not_sure_limit` above which an answer is sure, both None where no clip validated. Logits of a
        recording in segments are the logarithms of its mean probabilities. The threshold is one of probabilities
        without the temperature, the limit is one with it, of the class that is answered. For several labels, the
        `thresholds` from which on each is answered.
    scores : dict
        Main scores of the test clips; they change no version.
    task : str, optional
    """
    weights = save({name: value.contiguous() for name, value in network.state_dict().items()})
    description = {
        "format": FORMAT,
        "model": model.model_dump(mode="json"),
        **({} if task == "multiclass" else {"task": task}),
        "classes": classes,
        "recipe": recipe,
        "identity": identity,
        "normalise": "train" if hasattr(network, "renormalise") else "clip",
        "store": store,
        "corpus": corpus.model_dump(mode="json"),
        "scores": scores,
        **decision,
    }
    weights_digest, version = _digests(weights, description)
    write_bytes(folder / WEIGHTS, weights)
    write_json(folder / DESCRIPTION, description | {"weights_digest": weights_digest, "version": version})
    return version


def _digests(weights: bytes, described: dict[str, Any]) -> tuple[str, str]:
    """Return hashes of the weights and all that they compute from and to, without and with the decision."""
    decision = {key: described[key] for key in DECISION if key in described}
    learned = {key: value for key, value in described.items() if key not in (*decision, *NOT_HASHED)}
    hasher = hashlib.blake2b(weights, digest_size=8)
    hasher.update(json.dumps(learned, sort_keys=True).encode())
    weights_digest = hasher.hexdigest()
    hasher.update(json.dumps(decision, sort_keys=True).encode())
    return weights_digest, hasher.hexdigest()


def _read_described(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{path}: expected the description of a model in JSON, got none ({error})") from None
    if not isinstance(described, dict):
        raise ArtefactError(f"{path}: expected an object, got a {type(described).__name__}")
    return described


def _weights(folder: Path, data: bytes) -> dict[str, Tensor]:
    try:
        return load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ArtefactError(f"{folder / WEIGHTS}: expected weights in safetensors, got none ({error})") from None


def _first_fault(error: ValidationError) -> str:
    """Return what is wrong with a description, and what to do."""
    fault = error.errors(include_url=False)[0]
    place = ".".join(map(str, fault["loc"]))
    cause = fault.get("ctx", {}).get("error")
    if isinstance(cause, OwnSettingsError):
        return f"{place}.{_first_fault(cause.error)}"
    if isinstance(cause, OwnPartError):
        return f"{place}.{cause}"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "missing":
        return f"{place}: expected a value, got none; {COPY_AGAIN}"
    got = repr(fault["input"])
    shown = got if len(got) <= 60 else f"{got[:60]}…"
    return f"{place}: {message[0].lower()}{message[1:]}, got {shown}; {COPY_AGAIN}" if place else message

"""The `search:` section of a configuration: which settings a search may change, and the values that each may take."""

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from training.models import Model
from training.settings import Positive, Section, Training

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

MANY = 100  # whole numbers of a range, of which each is tried on the settings when the configuration is read

# What is no use to change, and why.
ONE_MODEL = "a search changes the settings of one model; make an experiment of each model"
FIXED = {
    **dict.fromkeys(("model.name", "model.class", "model.reads", "model.version"), ONE_MODEL),
    "model.preset": "what it stands for is set one by one; search filters, kernels or the like",
    "training.epochs": "a trial trains for search.epochs, the best one afterwards for training.epochs",
    "training.keep": "trials are compared by clips that validate",
    "training.validation": "trials are compared by clips that validate",
    "training.class_weight": "it weighs the validation loss, by which trials are compared",
    "training.max_time": "a trial has no time of its own",
    "training.checkpoint_every": "it changes no weight",
    "training.leak_meter": "it changes no weight",
    **dict.fromkeys(("training.devices", "training.nodes", "training.sync_batchnorm"), "a trial is one process"),
    "training.device": "it changes no structure",
}


def _number(value: Any) -> Any:
    """YAML reads 1e-3, which has no point, as text."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _different(choices: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    if choices is not None and len({json.dumps(value, default=str) for value in choices}) < len(choices):
        raise ValueError("each choice once")
    return choices


Number = Annotated[int | float, BeforeValidator(_number)]


class Dimension(Section):
    """Values that one setting may take: one of some choices, or a number from `low` to `high`, both included."""

    choices: Annotated[
        tuple[Annotated[Any, BeforeValidator(_number)], ...] | None, Field(min_length=1), AfterValidator(_different)
    ] = None
    """Values to choose from. A bare list is short for this."""

    low: Number | None = None
    """Lowest value of a range, included. If `low`, `high` and `step` are whole numbers, so is each value."""

    high: Number | None = None
    """Highest value of a range, included."""

    step: Annotated[Number, Field(gt=0)] | None = None
    """Distance of the values of a range."""

    log: bool = False
    """Draw from the range on a logarithmic scale."""

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        return {"choices": value} if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _makes_sense(self) -> "Dimension":
        if self.choices is not None:
            if self.log or any(part is not None for part in (self.low, self.high, self.step)):
                raise ValueError("expected choices or a range, not both")
            return self
        if self.low is None or self.high is None:
            raise ValueError("expected a list of choices, or low and high")
        if self.low >= self.high:
            raise ValueError("expected low to be less than high")
        if self.log and (self.step is not None or self.low <= 0):
            raise ValueError("expected log with a low above 0 and without a step")
        steps = 0.0 if self.step is None else (self.high - self.low) / self.step
        if abs(steps - round(steps)) > 1e-9:
            raise ValueError("expected a whole number of steps from low to high")
        return self

    @property
    def whole(self) -> bool:
        """Return True for a range of whole numbers."""
        return all(isinstance(part, int) for part in (self.low, self.high, 1 if self.step is None else self.step))

    def suggest(self, trial: "BaseTrial", name: str) -> Any:
        """Return the value that a trial takes: the same each time that it is asked."""
        if self.choices is not None:
            named = {_label(value): value for value in self.choices}
            return named[trial.suggest_categorical(name, list(named))]
        low, high = self._ends()
        if self.whole:
            return trial.suggest_int(name, int(low), int(high), step=int(self.step or 1), log=self.log)
        return trial.suggest_float(name, low, high, step=self.step, log=self.log)

    def label_of(self, value: Any) -> Any | None:
        """Return a value as a study writes it, or None for one that is not among the values."""
        if self.choices is not None:
            return next((_label(choice) for choice in self.choices if _label(choice) == _label(value)), None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        low, high = self._ends()
        step = self.step or (1 if self.whole else None)
        steps = 0.0 if step is None else (value - low) / step
        return value if low <= value <= high and abs(steps - round(steps)) < 1e-9 else None

    def samples(self) -> list[Any]:
        """Values that tell whether the settings take them all: each one, or the ends of a range of many."""
        if self.choices is not None:
            return list(self.choices)
        low, high = self._ends()
        if not self.whole:
            return [low, high]
        each = range(int(low), int(high) + 1, int(self.step or 1))
        return list(each) if len(each) <= MANY else [each[0], each[-1]]

    def _ends(self) -> tuple[int | float, int | float]:
        assert self.low is not None
        assert self.high is not None
        return self.low, self.high


def _label(value: Any) -> Any:
    """A choice as a study writes it, which takes no lists."""
    return json.dumps(value) if isinstance(value, list | tuple) else value


class Search(Section):
    """Trials of an experiment's model with other settings; `space` has dotted names as in `model.depth`."""

    trials: Positive = 20
    """Trials of a search."""

    epochs: Positive = 15
    """Epochs of one trial."""

    processes: Positive | None = None
    """Trials at a time. By default one on a GPU, whose memory they share, else one on each core."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the values that are drawn."""

    space: Annotated[dict[str, Dimension], Field(min_length=1)]
    """Values of each setting, by its dotted name, as in `model.depth` or `training.learning_rate`. The model `cnn` has
    a space by default; others need one."""


def with_usual_space(search: Any, space: dict[str, Any]) -> Any:
    """Return a `search:` as it is written, with the usual space of its model where it names none."""
    return {"space": space} | search if isinstance(search, dict) and space else search


def settings_of(model: Model, training: Training) -> dict[str, Any]:
    """Every setting by its dotted name."""
    return _flat(model, "model") | _flat(training, "training")


def _flat(section: Section, prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in type(section).model_fields:
        value = getattr(section, field)
        found |= _flat(value, f"{prefix}.{field}") if isinstance(value, Section) else {f"{prefix}.{field}": value}
    return found


def changed(model: Model, training: Training, values: Mapping[str, Any]) -> tuple[Model, Training]:
    """The settings with other `values`, by their dotted names. Raises `ValidationError` where they do not take them."""
    sections: dict[str, Any] = {"model": model.model_dump(), "training": training.model_dump()}
    for name, value in values.items():
        *path, last = name.split(".")
        section = sections
        for part in path:
            section = section[part]
        section[last] = value
    return type(model).model_validate(sections["model"]), Training.model_validate(sections["training"])


def alternatives(
    search: Search, model: Model, training: Training, config_path: str
) -> Iterator[tuple[Model, Training]]:
    """The settings with each value by itself. Raises `ValueError` with one line for what cannot be searched."""
    if training.keep != "best":
        raise ValueError(
            f"{config_path}.training.keep: expected best, got {training.keep}; a search compares trials on clips of "
            "validation"
        )
    known = [name for name in settings_of(model, training) if name not in FIXED]
    for name, dimension in search.space.items():
        field = f"{config_path}.search.space.{name}"
        if name in FIXED:
            raise ValueError(f"{field}: cannot be searched: {FIXED[name]}")
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
            raise ValueError(f"{field}: {model.name} and its training have no such setting; {hint}")
        for value in dimension.samples():
            try:
                yield changed(model, training, {name: value})
            except ValidationError as error:
                raise ValueError(f"{field}: {reason(error)}, got {value!r}; change the space") from None


def reason(error: ValidationError) -> str:
    """Return the reason why settings refuse a value."""
    message = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
    return message[0].lower() + message[1:]

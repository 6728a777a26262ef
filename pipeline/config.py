"""The configuration that a user writes, checked. Unknown keys are refused; everything has a default."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from features.recipe import AnyRecipe
from pipeline.errors import InputError
from stores.codec import Compression
from training.settings import PUBLISHED, Model, Positive, Section, Training

# Relative to where the command runs; ~ is the user's home.
UserPath = Annotated[Path, AfterValidator(Path.expanduser)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class AudioCorpus(Section):
    """A folder of recordings: the label is the sub-folder, or stands in a table."""

    source: Literal["audio"] = "audio"
    root: UserPath
    table: UserPath | None = None  # a CSV; relative to where the command runs, or else to the root
    path: str = "path"  # the table's column with the file, relative to the root
    label: str = "label"
    group: str | None = None  # the column of the source recording, subject or artist
    fold: str | None = None
    silent: Literal["keep", "quarantine"] = "keep"
    max_quarantine: Fraction = 0.5  # a larger share of bad recordings stops the run


BY_FILE = "file"


def _texts(value: Any) -> Any:
    """YAML reads `0: OK` as a number."""
    return {str(key): str(name) for key, name in value.items()} if isinstance(value, dict) else value


def _ok_or_ng() -> dict[str, str]:
    return {"OK": "OK", "NG": "NG", "0": "OK", "1": "NG"}


class JsonCorpus(Section):
    """A folder of JSON files with waveforms and labels."""

    source: Literal["json"] = "json"
    root: UserPath
    # What a file says, and the class that it means.
    labels: Annotated[dict[str, str], BeforeValidator(_texts)] = Field(default_factory=_ok_or_ng, min_length=2)
    group: str | None = None  # the member with the source of a record, or `file`
    sample_rate_hz: Positive = 44100  # where a file does not say its fs
    silent: Literal["keep", "quarantine"] = "keep"
    max_quarantine: Fraction = 0.5


class DemoCorpus(Section):
    """A corpus that the project synthesises in its real on-disk format."""

    source: Literal["demo"] = "demo"
    name: Literal["genres", "strikes"] = "genres"


def _unless_named(key: str, default: str) -> BeforeValidator:
    """What a section is when the key that says so is left out."""
    return BeforeValidator(lambda value: {key: default} | value if isinstance(value, dict) else value)


# What lies on disk; a demo is one of these once it is synthesised.
AnyCorpus = Annotated[AudioCorpus | JsonCorpus, Field(discriminator="source")]
Corpus = Annotated[
    Annotated[AudioCorpus | JsonCorpus | DemoCorpus, Field(discriminator="source")], _unless_named("source", "audio")
]


class Split(Section):
    """Shares of the groups; a group's side depends on its name and the seed alone."""

    validation: Annotated[float, Field(gt=0, lt=1)] = 0.15
    test: Annotated[float, Field(gt=0, lt=1)] = 0.15
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _leaves_training(self) -> "Split":
        if self.validation + self.test >= 1:
            raise ValueError(f"validation {self.validation:g} + test {self.test:g} leave nothing for training")
        return self


def _different(folds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(folds)) < len(folds):
        raise ValueError("each fold once")
    return folds


def _by_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Experiment(Section):
    """One model on one corpus; its name is the target `train_<name>`."""

    corpus: Corpus = DemoCorpus()
    recipe: str
    model: Model
    training: Training
    positive: str | None = None  # of two classes, the one to be detected: NG, or else the last by name
    split: Split = Split()
    folds: Annotated[tuple[int, ...], Field(min_length=1), AfterValidator(_different)] | None = None  # test on each

    @model_validator(mode="before")
    @classmethod
    def _published(cls, data: Any) -> Any:
        """Where nothing is said: the model for the corpus, the recipe for the model, the training of the model."""
        if not isinstance(data, dict):
            return data
        corpus = data.get("corpus", {})
        waveforms = isinstance(corpus, dict) and (corpus.get("source") == "json" or corpus.get("name") == "strikes")
        model = _by_name(data.get("model", {}))
        if not isinstance(model, dict):
            return {"recipe": "music", "training": {}} | data
        model = {"name": "cnn1d_attention" if waveforms else "resnet_attention"} | model
        training = data.get("training", {})
        if isinstance(training, dict):
            training = PUBLISHED.get(str(model["name"]), {}) | training
        recipe = "waveform" if model["name"] == "cnn1d_attention" else "music"
        return {"recipe": recipe} | data | {"model": model, "training": training}


def _plain_name(name: str) -> str:
    if not name.replace("_", "").replace("-", "").isalnum():
        raise ValueError("a name has letters, digits, - and _ only: it becomes a target and a folder")
    return name


def _empty(value: Any) -> Any:
    return {} if value is None else value


Name = Annotated[str, AfterValidator(_plain_name)]


class Config(Section):
    work_dir: UserPath = Path("work")
    engine: Literal["joblib", "dask"] = "joblib"
    scheduler: str | None = None  # tcp://… of a dask scheduler that runs already
    clips_per_shard: Positive = 64
    compression: Compression | None = None
    experiments: Annotated[dict[Name, Annotated[Experiment, BeforeValidator(_empty)]], Field(min_length=1)]
    recipes: dict[
        Name,
        Annotated[
            AnyRecipe,
            _unless_named("kind", "four_channel"),
            BeforeValidator(_empty),
        ],
    ]

    @model_validator(mode="before")
    @classmethod
    def _default_recipe(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("recipes", {}), dict):
            own = {"music": {}, "waveform": {"kind": "waveform"}}
            return data | {"recipes": own | data.get("recipes", {})}
        return data

    @model_validator(mode="after")
    def _recipes_exist(self) -> "Config":
        for name, experiment in self.experiments.items():
            if experiment.recipe not in self.recipes:
                raise ValueError(
                    f"experiments.{name}.recipe: expected one of {', '.join(sorted(self.recipes))}, "
                    f"got {experiment.recipe!r}; add it under recipes:"
                )
        return self


def parse(data: Mapping[str, Any], origin: str) -> Config:
    """Check a configuration. Raises `InputError` with one line for the first thing that is wrong in it."""
    try:
        return Config.model_validate(dict(data))
    except ValidationError as error:
        raise InputError(f"{origin}: {_explain(error)}") from None


def read_yaml(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a YAML configuration") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise InputError(f"{path}: expected keys such as experiments: at the top, got {type(data).__name__}")
    return data


def _explain(error: ValidationError) -> str:
    """One error as one line: field, what was expected, what was found, what to do."""
    unknown = ("extra_forbidden", "unexpected_keyword_argument")
    # A misspelt key also goes missing under its right name: the misspelling is the better thing to say.
    first = min(error.errors(include_url=False), key=lambda found: found["type"] not in unknown)
    # Pydantic names the chosen kind of corpus or recipe after its section, which the user did not write.
    location = [str(part) for place, part in enumerate(first["loc"]) if not _is_kind(first["loc"][:place], part)]
    field = ".".join(location)
    if first["type"] in unknown:
        known = _keys_at(first["loc"][:-1])
        close = get_close_matches(location[-1], known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
        return f"{field}: unknown key; {hint}"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"{field}: expected a value, got none; add this key"
    if not field:
        return message
    return f"{field}: {message[0].lower()}{message[1:]}, got {first['input']!r}; see the README's configuration table"


def _is_kind(before: tuple[int | str, ...], part: int | str) -> bool:
    if before[-1:] == ("corpus",):
        return part in ("audio", "json", "demo")
    if before[-1:] == ("model",):
        return part in PUBLISHED
    if before[-1:] == ("class_weight",):
        return True
    return before[:1] == ("recipes",) and len(before) == 2 and part in ("four_channel", "log_mel", "waveform")


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    """The keys that the schema knows at a place of the configuration."""
    schema = Config.model_json_schema()
    node: Any = schema
    for part in location:
        node = _resolve(schema, node, str(part))
        if part in node.get("properties", {}):
            node = node["properties"][part]
        elif isinstance(node.get("additionalProperties"), dict):
            node = node["additionalProperties"]
    return sorted(_resolve(schema, node, "").get("properties", {}))


def _resolve(schema: dict[str, Any], node: dict[str, Any], part: str) -> dict[str, Any]:
    """Follow references, and of alternatives take the one that `part` selects, or the only section."""
    while True:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        elif part in (mapping := node.get("discriminator", {}).get("mapping", {})):
            node = {"$ref": mapping[part]}
        elif sections := [option for option in node.get("anyOf", []) if "$ref" in option]:
            node = sections[0]
        else:
            return node

"""The configuration that a user writes, checked. Unknown keys are refused; everything has a default."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import yaml
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from features.recipe import AnyRecipe, SpectrogramRecipe
from pipeline.config.corpora import AudioCorpus, Corpus, CsvCorpus, DemoCorpus, UserPath, unless_named
from pipeline.config.explain import explain
from pipeline.config.search_space import Search, alternatives, with_usual_space
from pipeline.support.errors import InputError
from stores.codec import Compression
from training.settings import (
    MODELS,
    PUBLISHED,
    Model,
    Positive,
    ResNetAttentionModel,
    Section,
    SpectrogramModel,
    Training,
)

# What a corpus is learned by where nothing is said, by its source, its demo or its table; and what a model reads.
MODEL_FOR = {
    "json": "cnn1d_attention",
    "strikes": "cnn1d_attention",
    "esc50": "cnn8",
    "esc50.csv": "cnn8",
    "environment": "cnn8",
    "csv": "resnet_bottleneck",
    "spectrogram": "resnet_bottleneck",
    "tags": "cnn",
    "bgm": "cnn",
}
RECIPE_FOR = {
    "four_channel": "music",
    "waveform": "waveform",
    "log_mel": "environment",
    "spectrogram": "spectrogram",
}
RECIPE_FOR_PRESET = {"small": "waveform_small"}  # of `cnn1d_attention`
RECIPES: dict[str, dict[str, Any]] = {
    **{name: {"kind": kind} for kind, name in RECIPE_FOR.items()},
    "waveform_small": {"kind": "waveform", "samples": 22050},
}


class Split(Section):
    """Shares of the groups of each class; which groups they are depends on their names and the seed."""

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
    classes: Annotated[tuple[str, ...], Field(min_length=2)] | None = None  # of the corpus; all, unless said
    drop: tuple[str, ...] = ()  # or all but these
    init_from: str | None = None  # the experiment whose trained weights, and whose split, are the beginning
    positive: str | None = None  # of two classes, the one to be detected: NG, or else the last by name
    split: Split = Split()
    folds: Annotated[tuple[int, ...], Field(min_length=1), AfterValidator(_different)] | None = None  # test on each
    search: Search | None = None  # the target `search_<name>`

    @model_validator(mode="after")
    def _makes_sense(self) -> "Experiment":
        if self.classes is not None and self.drop:
            raise ValueError("say classes or drop, not both")
        if self.search is not None and self.init_from is not None:
            raise ValueError("say search or init_from, not both: weights fit one structure")
        if self.folds is not None and not self.corpus.has_folds:
            named = "name their column as corpus.fold" if isinstance(self.corpus, AudioCorpus) else "leave them out"
            raise ValueError(f"the corpus has no folds to test on; {named}")
        return self

    @model_validator(mode="before")
    @classmethod
    def _published(cls, data: Any) -> Any:
        """Where nothing is said: the model for the corpus, the recipe for the model, the training of the model."""
        if not isinstance(data, dict):
            return data
        corpus = data.get("corpus", {})
        said = (
            [Path(str(corpus.get(key))).name for key in ("source", "name", "table")] if isinstance(corpus, dict) else []
        )
        model = _by_name(data.get("model", {}))
        if not isinstance(model, dict):
            return {"recipe": "music", "training": {}} | data
        usual = next((MODEL_FOR[word] for word in said if word in MODEL_FOR), "resnet_attention")
        model = {"name": usual} | model
        training = data.get("training", {})
        if isinstance(training, dict):
            published = PUBLISHED.get(str(model["name"]), {})
            augment = training.get("augment", {})
            if isinstance(augment, dict):
                augment = published.get("augment", {}) | augment
            training = published | training | {"augment": augment}
        kind = MODELS.get(str(model["name"]), ResNetAttentionModel)
        search = with_usual_space(data.get("search"), kind.model_fields["name"].default)
        recipe = RECIPE_FOR_PRESET.get(str(model.get("preset")), RECIPE_FOR[kind.reads])
        return {"recipe": recipe} | data | {"model": model, "training": training, "search": search}


def _plain_name(name: str) -> str:
    if not name.replace("_", "").replace("-", "").isalnum():
        raise ValueError("a name has letters, digits, - and _ only: it becomes a target and a folder")
    return name


def _empty(value: Any) -> Any:
    return {} if value is None else value


Name = Annotated[str, AfterValidator(_plain_name)]


def _for_snakemake(folder: Path) -> Path:
    """Refuse names that Snakemake or a command line would take for something else; all others are quoted."""
    text = str(folder)
    if re.search(r"\{\s*\w+\s*(,.*)?\}", text):
        raise ValueError("expected a folder without a name in braces, which Snakemake takes for a wildcard")
    if re.match(r"\w+:/", text):
        raise ValueError("expected a folder of this machine, not an address")
    if text.startswith("-"):
        raise ValueError("expected a folder that does not begin with -, which is an option to commands")
    return folder


class Config(Section):
    work_dir: Annotated[UserPath, AfterValidator(_for_snakemake)] = Path("work")
    engine: Literal["joblib", "dask"] = "joblib"
    scheduler: str | None = None  # tcp://… of a dask scheduler that runs already
    clips_per_shard: Positive = 64
    compression: Compression | None = None
    experiments: Annotated[dict[Name, Annotated[Experiment, BeforeValidator(_empty)]], Field(min_length=1)]
    recipes: dict[
        Name,
        Annotated[
            AnyRecipe,
            unless_named("kind", "four_channel"),
            BeforeValidator(_empty),
        ],
    ]

    @model_validator(mode="before")
    @classmethod
    def _default_recipe(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("recipes", {}), dict):
            given = {name: _empty(recipe) for name, recipe in data.get("recipes", {}).items()}
            known = {
                name: RECIPES.get(name, {}) | recipe if isinstance(recipe, dict) else recipe
                for name, recipe in (RECIPES | given).items()
            }
            return data | {"recipes": known}
        return data

    @model_validator(mode="after")
    def _scheduler_is_used(self) -> "Config":
        if self.scheduler is not None and self.engine != "dask":
            raise ValueError(
                f"scheduler: only the engine dask has one, and the engine is {self.engine}; say engine: dask, or leave "
                "it out"
            )
        return self

    @model_validator(mode="after")
    def _recipes_exist(self) -> "Config":
        for name, experiment in self.experiments.items():
            if experiment.recipe not in self.recipes:
                raise ValueError(
                    f"experiments.{name}.recipe: expected one of {', '.join(sorted(self.recipes))}, "
                    f"got {experiment.recipe!r}; add it under recipes:"
                )
            where, recipe = f"experiments.{name}", self.recipes[experiment.recipe]
            _refuse_unfit(recipe, experiment, where)
            if experiment.search is not None:
                for model, training in alternatives(experiment.search, experiment.model, experiment.training, where):
                    other = experiment.model_copy(update={"model": model, "training": training})
                    _refuse_unfit(recipe, other, f"{where}.search.space")
            self._refuse_start(name, experiment)
        return self

    def _refuse_start(self, name: str, experiment: Experiment) -> None:
        """Weights of a run that does not exist, or that has learned from clips which are kept from this one."""
        if experiment.init_from is None:
            return
        where = f"experiments.{name}"
        chain = [name]
        while (before := self.experiments[chain[-1]].init_from) is not None:
            if before in chain:
                raise ValueError(f"{where}.init_from: expected another beginning, but {before} starts from itself")
            if before not in self.experiments:
                others = ", ".join(sorted(set(self.experiments) - {chain[-1]}))
                raise ValueError(f"experiments.{chain[-1]}.init_from: expected one of {others}, got {before!r}")
            chain.append(before)
        source = self.experiments[experiment.init_from]
        for key in ("split", "folds"):
            if key in experiment.model_fields_set and getattr(experiment, key) != getattr(source, key):
                raise ValueError(
                    f"{where}.{key}: expected that of {experiment.init_from}, whose weights have learned from its "
                    "training clips; leave it out"
                )
        # By which sides are drawn.
        for key, usual in (("group", None), ("fold", None), ("side", None), ("test", None), ("segments", 1)):
            here, there = (getattr(one.corpus, key, usual) for one in (experiment, source))
            if here != there:
                raise ValueError(
                    f"{where}.corpus.{key}: expected that of {experiment.init_from}, {there}, got {here}: its training "
                    "clips could test here"
                )
        if experiment.training.validates and not source.training.validates:
            raise ValueError(
                f"{where}.training: no clip can validate, because {experiment.init_from}, which has no validation, has "
                "learned from them all; say keep: last and validation: false"
            )
        if (here := experiment.training.normalise) != (there := source.training.normalise):
            raise ValueError(
                f"{where}.training.normalise: expected that of {experiment.init_from}, {there}, got {here}: its "
                "weights know no other input"
            )
        if self.recipes[experiment.recipe] != self.recipes[source.recipe]:
            raise ValueError(
                f"{where}.recipe: expected that of {experiment.init_from}, {source.recipe}, got {experiment.recipe}"
            )


def _refuse_unfit(recipe: AnyRecipe, experiment: Experiment, where: str) -> None:
    """What is right by itself, but not together."""
    corpus, model = experiment.corpus, experiment.model
    ready = isinstance(recipe, SpectrogramRecipe)
    if ready != (isinstance(corpus, CsvCorpus) or (isinstance(corpus, DemoCorpus) and corpus.name == "spectrogram")):
        holds = "sound" if ready else "spectrograms that come ready"
        raise ValueError(
            f"{where}.recipe: {experiment.recipe} is of kind {recipe.kind}, but the corpus holds {holds}; "
            "choose another recipe"
        )
    given = corpus.values if isinstance(corpus, CsvCorpus) else CsvCorpus.model_fields["values"].default
    if ready and (values := int(np.prod(recipe.shape))) != given:
        raise ValueError(
            f"{where}.corpus.values: expected the {values} values of the recipe {experiment.recipe}, got {given}; "
            "change one of them"
        )
    if experiment.training.augment.of_spectrograms and not isinstance(model, SpectrogramModel):
        raise ValueError(
            f"{where}.training.augment: masks, shifts and filters are for networks of one spectrogram channel, and "
            f"{model.name} is none; the stored variants are its augmentation"
        )
    if experiment.training.normalise == "train" and model.reads != "four_channel":
        raise ValueError(
            f"{where}.training.normalise: train is for tensors of four channels, which are stored normalised clip by "
            f"clip, and {model.name} reads {model.reads}; leave it out"
        )
    if not isinstance(model, SpectrogramModel) or model.reads != recipe.kind:
        return
    rows, frames = model.crop or recipe.shape[:2]
    if rows > recipe.shape[0] or frames > recipe.shape[1]:
        raise ValueError(
            f"{where}.model.crop: expected at most the {recipe.shape[0]} rows and {recipe.shape[1]} frames of the "
            f"recipe {experiment.recipe}, got {rows} and {frames}"
        )
    if min(rows, frames) < model.smallest:
        raise ValueError(
            f"{where}.model.crop: {model.name} needs at least {model.smallest} rows and frames, got {rows} and {frames}"
        )


def parse(data: Mapping[str, Any], origin: str) -> Config:
    """Check a configuration. Raises `InputError` with one line for the first thing that is wrong in it."""
    try:
        return Config.model_validate(dict(data))
    except ValidationError as error:
        raise InputError(f"{origin}: {explain(error, Config.model_json_schema())}") from None


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

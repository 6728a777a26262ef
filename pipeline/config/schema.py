"""The configuration that a user writes, checked. Unknown keys are refused; everything has a default."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from features.tensors import AnyRecipe
from features.tensors.embedding import EmbeddingRecipe
from pipeline.config.checks import refuse_start, refuse_unfit
from pipeline.config.corpora import unless_named
from pipeline.config.experiment import BUILT_IN_RECIPES, Experiment
from pipeline.config.explain import explain
from pipeline.config.search_space import alternatives
from pipeline.runs.trackers import TrackerName
from pipeline.support.errors import InputError
from pipeline.support.paths import UserPath
from stores.codec import Compression
from stores.remote.objects import is_address
from training.models.linear_probe.settings import LinearProbeModel
from training.settings import Positive, Section


def _plain_name(name: str) -> str:
    if not name.replace("_", "").replace("-", "").isalnum():
        raise ValueError("a name has letters, digits, - and _ only: it becomes a target and a folder")
    return name


def _empty(value: Any) -> Any:
    return {} if value is None else value


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("each tracker once")
    return names


def _with_probe(experiment: Any, recipes: Mapping[str, Any]) -> Any:
    """Return an experiment with the linear probe as its model, if it has none and its recipe is an embedding."""
    if not isinstance(experiment, dict) or "model" in experiment:
        return experiment
    recipe = recipes.get(str(experiment.get("recipe")))
    embedding = isinstance(recipe, dict) and recipe.get("kind") == EmbeddingRecipe.kind
    return experiment | {"model": LinearProbeModel().name} if embedding else experiment


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


def _writable_address(text: str) -> str:
    if not is_address(text) or text.startswith("http"):
        raise ValueError("expected an address that can be written to, such as s3://bucket/folder")
    return text.rstrip("/")


class Config(Section):
    """A whole configuration file."""

    work_dir: Annotated[UserPath, AfterValidator(_for_snakemake)] = Path("work")
    """Folder of this machine for everything that is made. Its path holds no name in braces."""

    stores: Annotated[str, AfterValidator(_writable_address)] | None = None
    """Address in object storage, such as `s3://bucket/folder`, below which stores are built, in place of the folder
    `stores` in the work folder."""

    engine: Literal["joblib", "dask"] = "joblib"
    """Library that spreads the shards of a store over workers. Both write the same bytes."""

    scheduler: str | None = None
    """Address `tcp://…` of a dask scheduler that runs already, or the `.json` file that it wrote for its clients; of
    the engine `dask` alone."""

    clips_per_shard: Positive = 64
    """Clips in one file of a store."""

    compression: Compression | None = None
    """Codec of the stores. `zstd` is the smallest and `blosc` the fastest; both pay for recordings much shorter than
    `frames`, while music hardly shrinks."""

    tracking: Annotated[tuple[TrackerName, ...], AfterValidator(_each_once)] = ()
    """Trackers that follow every run while it trains, each in a process of its own: `tensorboard`, and with their
    extras `mlflow`, `clearml` and `wandb`. A change trains nothing again."""

    experiments: Annotated[dict[Name, Annotated[Experiment, BeforeValidator(_empty)]], Field(min_length=1)]
    """Experiments by their names. Each is the target `train_<name>`; a name has letters, digits, `-` and `_`."""

    recipes: dict[
        Name,
        Annotated[
            AnyRecipe,
            unless_named("kind", "four_channel"),
            BeforeValidator(_empty),
        ],
    ]
    """Recipes by their names: your own, or changes to those that are there already. `{class: FILE.py:CLASS}` is a
    feature of yours, see *Write your own*."""

    @model_validator(mode="before")
    @classmethod
    def _fill_defaults(cls, data: Any) -> Any:
        """Fill in the recipes that are there, and the linear probe for experiments on an embedding without a model."""
        if not isinstance(data, dict) or not isinstance(data.get("recipes", {}), dict):
            return data
        given = {name: _empty(recipe) for name, recipe in data.get("recipes", {}).items()}
        known = {
            name: BUILT_IN_RECIPES.get(name, {}) | recipe if isinstance(recipe, dict) else recipe
            for name, recipe in (BUILT_IN_RECIPES | given).items()
        }
        experiments = data.get("experiments")
        if isinstance(experiments, dict):
            experiments = {name: _with_probe(section, known) for name, section in experiments.items()}
        return data | {"recipes": known} | ({} if experiments is None else {"experiments": experiments})

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
            config_path, recipe = f"experiments.{name}", self.recipes[experiment.recipe]
            refuse_unfit(recipe, experiment, config_path)
            if experiment.search is not None:
                for model, training in alternatives(
                    experiment.search, experiment.model, experiment.training, config_path
                ):
                    other = experiment.model_copy(update={"model": model, "training": training})
                    refuse_unfit(recipe, other, f"{config_path}.search.space")
            refuse_start(name, self.experiments, self.recipes)
        return self


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

"""One experiment as a user writes it: what is learned, from which corpus, and how."""

from typing import Any

from pydantic import model_validator

from features.own import CLASS
from pipeline.config.corpora import Corpus, DemoCorpus, words_of
from pipeline.config.search_space import Search, with_usual_space
from pipeline.config.setup import Setup
from training.models import DEFAULT, MODELS, model_for
from training.models.base import NetworkSettings
from training.models.own import READS

# Recipes that exist whether or not a user writes them.
BUILT_IN_RECIPES: dict[str, dict[str, Any]] = {
    name: dict(part) for kind in MODELS.values() for name, part in kind.recipes.items()
}


def _by_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Experiment(Setup):
    """One model on one corpus; its name is the target `train_<name>`."""

    corpus: Corpus = DemoCorpus()
    """Recordings and their labels: by default the demo `genres`; without `source` a folder of audio files.
    `{class: FILE.py:CLASS}` is one of yours, see *Write your own*."""

    recipe: str
    """Name of a recipe under `recipes`. By default the one that fits the model."""

    init_from: str | None = None
    """Experiment whose trained weights and whose split this one starts from."""

    search: Search | None = None
    """Search of settings, which is the target `search_<name>`."""

    @model_validator(mode="after")
    def _keys_fit_together(self) -> "Experiment":
        if self.search is not None and self.init_from is not None:
            raise ValueError("say search or init_from, not both: weights fit one structure")
        if self.folds is not None and not self.corpus.has_folds:
            can_have = "fold" in type(self.corpus).model_fields
            advice = "name their column as corpus.fold" if can_have else "leave them out"
            raise ValueError(f"the corpus has no folds to test on; {advice}")
        return self

    @model_validator(mode="before")
    @classmethod
    def _fill_defaults(cls, data: Any) -> Any:
        """Fill in the model for the corpus, and the recipe and the published training for the model."""
        if not isinstance(data, dict):
            return data
        corpus = data.get("corpus", {})
        model = _by_name(data.get("model", {}))
        if not isinstance(model, dict):
            return {"recipe": MODELS[DEFAULT].default_recipe({}), "training": {}} | data
        if CLASS not in model:
            model = {"name": model_for(words_of(corpus))} | model
        kind = _kind_of(model)
        training = data.get("training", {})
        if isinstance(training, dict):
            augment = training.get("augment", {})
            if isinstance(augment, dict):
                augment = kind.published.get("augment", {}) | augment
            training = kind.published | training | {"augment": augment}
        search = with_usual_space(data.get("search"), kind.search_space)
        return {"recipe": kind.default_recipe(model)} | data | {"model": model, "training": training, "search": search}


def _kind_of(model: dict[str, Any]) -> type[NetworkSettings]:
    """Return the network whose defaults are those of a `model:`, which is not checked yet.

    One of a user's own has the recipe of the first network that reads such tensors, and no published training.
    """
    if CLASS not in model:
        return MODELS.get(str(model["name"]), MODELS[DEFAULT])  # pydantic refuses an unknown name
    reading = (kind for kind in (MODELS[DEFAULT], *MODELS.values()) if kind.reads == model.get(READS))
    recipes = next(reading, MODELS[DEFAULT]).recipes
    return type("OwnDefaults", (NetworkSettings,), {"recipes": recipes})

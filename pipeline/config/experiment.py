"""One experiment as a user writes it: what is learned, from which corpus, and how."""

from pathlib import Path
from typing import Any

from pydantic import model_validator

from pipeline.config.corpora import AudioCorpus, Corpus, DemoCorpus
from pipeline.config.search_space import Search, with_usual_space
from pipeline.config.setup import Setup
from training.settings import MODELS, PUBLISHED, ResNetAttentionModel

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


def _by_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Experiment(Setup):
    """One model on one corpus; its name is the target `train_<name>`."""

    corpus: Corpus = DemoCorpus()
    """Recordings and their labels. Without `source` it is a folder of audio files."""

    recipe: str
    """Name of a recipe under `recipes`. By default the one that fits the model."""

    init_from: str | None = None
    """Experiment whose trained weights and whose split this one starts from."""

    search: Search | None = None
    """Search of settings, which is the target `search_<name>`."""

    @property
    def setup(self) -> Setup:
        """Return the part that does not depend on where the clips come from."""
        return Setup.model_construct(**{name: getattr(self, name) for name in Setup.model_fields})

    @model_validator(mode="after")
    def _makes_sense(self) -> "Experiment":
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

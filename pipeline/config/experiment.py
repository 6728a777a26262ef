"""One experiment as a user writes it: what is learned, from which corpus, and how."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from pipeline.config.corpora import Corpus, DemoCorpus, words_of
from pipeline.config.search_space import Search, with_usual_space
from pipeline.corpus.split import Split
from training.settings import MODELS, PUBLISHED, Model, ResNetAttentionModel, Section, Training

# What a corpus is learned by where nothing is said, by its source or its table; and what a model reads.
MODEL_FOR = {
    "json": "cnn1d_attention",
    "esc50": "cnn8",
    "esc50.csv": "cnn8",
    "csv": "resnet_bottleneck",
    "tags": "cnn",
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
            can_have = "fold" in type(self.corpus).model_fields
            named = "name their column as corpus.fold" if can_have else "leave them out"
            raise ValueError(f"the corpus has no folds to test on; {named}")
        return self

    @model_validator(mode="before")
    @classmethod
    def _published(cls, data: Any) -> Any:
        """Where nothing is said: the model for the corpus, the recipe for the model, the training of the model."""
        if not isinstance(data, dict):
            return data
        corpus = data.get("corpus", {})
        model = _by_name(data.get("model", {}))
        if not isinstance(model, dict):
            return {"recipe": "music", "training": {}} | data
        usual = next((MODEL_FOR[word] for word in words_of(corpus) if word in MODEL_FOR), "resnet_attention")
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

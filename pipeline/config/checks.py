"""Checks across the sections of a configuration; they raise `ValueError`, as validators of pydantic do."""

from collections.abc import Mapping

import numpy as np

from features.tensors import AnyRecipe
from features.tensors.spectrogram import SpectrogramRecipe
from pipeline.config.experiment import Experiment
from training.models.base import OneChannelModel
from training.settings import Training


def refuse_unfit(recipe: AnyRecipe, experiment: Experiment, config_path: str) -> None:
    """Raise `ValueError` where a recipe, a corpus, a model and its training do not fit each other."""
    corpus, model = experiment.corpus, experiment.model
    ready = isinstance(recipe, SpectrogramRecipe)
    if ready != (corpus.spectrogram_values is not None):
        holds = "sound" if ready else "spectrograms that come ready"
        raise ValueError(
            f"{config_path}.recipe: {experiment.recipe} is of kind {recipe.kind}, but the corpus holds {holds}; "
            "choose another recipe"
        )
    if ready and (values := int(np.prod(recipe.shape))) != corpus.spectrogram_values:
        raise ValueError(
            f"{config_path}.corpus.values: expected the {values} values of the recipe {experiment.recipe}, "
            f"got {corpus.spectrogram_values}; change one of them"
        )
    if experiment.training.devices != "auto":
        refuse_uneven(experiment.training, experiment.training.devices * experiment.training.nodes, config_path)
    if experiment.training.augment.of_spectrograms and not isinstance(model, OneChannelModel):
        raise ValueError(
            f"{config_path}.training.augment: masks, shifts and filters are for networks of one spectrogram channel, "
            f"and {model.name} is none; the stored variants are its augmentation"
        )
    if experiment.training.normalise == "train" and model.reads != "four_channel":
        raise ValueError(
            f"{config_path}.training.normalise: train is for tensors of four channels, which are stored normalised "
            f"clip by clip, and {model.name} reads {model.reads}; leave it out"
        )
    if not model.takes(recipe.kind, recipe.shape):
        raise ValueError(
            f"{config_path}.recipe: the model {model.name} reads {model.input_text}, and {experiment.recipe} has clips "
            f"{recipe.shape} of kind {recipe.kind}; choose another recipe or another model"
        )
    if not isinstance(model, OneChannelModel):
        return
    rows, frames = model.crop or recipe.shape[:2]
    if rows > recipe.shape[0] or frames > recipe.shape[1]:
        raise ValueError(
            f"{config_path}.model.crop: expected at most the {recipe.shape[0]} rows and {recipe.shape[1]} frames of "
            f"the recipe {experiment.recipe}, got {rows} and {frames}"
        )
    if min(rows, frames) < model.smallest:
        raise ValueError(
            f"{config_path}.model.crop: {model.name} needs at least {model.smallest} rows and frames, "
            f"got {rows} and {frames}"
        )


def refuse_uneven(training: Training, ranks: int, config_path: str) -> None:
    """Raise `ValueError` where a batch cannot be shared equally by so many processes."""
    if training.batch_size % ranks:
        raise ValueError(
            f"{config_path}.training.batch_size: expected a multiple of {ranks}, the processes that share a batch "
            f"(devices × nodes), got {training.batch_size}"
        )


def refuse_start(name: str, experiments: Mapping[str, Experiment], recipes: Mapping[str, AnyRecipe]) -> None:
    """Raise `ValueError` where the weights to start from belong to no run, or know clips kept from this one."""
    experiment = experiments[name]
    if experiment.init_from is None:
        return
    config_path = f"experiments.{name}"
    chain = [name]
    while (before := experiments[chain[-1]].init_from) is not None:
        if before in chain:
            raise ValueError(f"{config_path}.init_from: expected another beginning, but {before} starts from itself")
        if before not in experiments:
            others = ", ".join(sorted(set(experiments) - {chain[-1]}))
            raise ValueError(f"experiments.{chain[-1]}.init_from: expected one of {others}, got {before!r}")
        chain.append(before)
    source = experiments[experiment.init_from]
    for key in ("split", "folds"):
        if key in experiment.model_fields_set and getattr(experiment, key) != getattr(source, key):
            raise ValueError(
                f"{config_path}.{key}: expected that of {experiment.init_from}, whose weights have learned from its "
                "training clips; leave it out"
            )
    # By which sides are drawn.
    for key, usual in (("group", None), ("fold", None), ("side", None), ("test", None), ("segments", 1)):
        here, there = (getattr(one.corpus, key, usual) for one in (experiment, source))
        if here != there:
            raise ValueError(
                f"{config_path}.corpus.{key}: expected that of {experiment.init_from}, {there}, got {here}: its "
                "training clips could test here"
            )
    if experiment.training.validates and not source.training.validates:
        raise ValueError(
            f"{config_path}.training: no clip can validate, because {experiment.init_from}, which has no validation, "
            "has learned from them all; say keep: last and validation: false"
        )
    if (here := experiment.training.normalise) != (there := source.training.normalise):
        raise ValueError(
            f"{config_path}.training.normalise: expected that of {experiment.init_from}, {there}, got {here}: its "
            "weights know no other input"
        )
    if recipes[experiment.recipe] != recipes[source.recipe]:
        raise ValueError(
            f"{config_path}.recipe: expected that of {experiment.init_from}, {source.recipe}, got {experiment.recipe}"
        )

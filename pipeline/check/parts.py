"""Checks of a part by its name: a class in a file of a user's, or a built-in part."""

import re
from collections.abc import Callable, Collection
from typing import Any

from features.augmentations import AUGMENTATIONS
from features.own import CLASS, own_part
from features.tensors import RECIPES
from pipeline.check.augmentations import augmentation_checks
from pipeline.check.contract import Check
from pipeline.check.corpora import corpus_checks
from pipeline.check.features import feature_checks
from pipeline.check.networks import network_checks
from pipeline.config.corpora import DEFAULT_DEMO
from pipeline.config.schema import Config, parse
from pipeline.corpus.sources import SOURCES
from pipeline.corpus.sources.files import FilesSource
from pipeline.corpus.sources.readers import source_of
from pipeline.corpus.sources.tags.settings import TagsCorpus
from pipeline.support.errors import InputError
from training.models import MODELS
from training.models.own import READS

READY = "spectrogram"  # the kind of tensors that come ready, and their demo
EXPERIMENT = "checked"
# The place of the settings in a configuration, which the user has not written.
SECTION = re.compile(rf"^check: (experiments|recipes)\.{EXPERIMENT}\.((model|corpus|variants\.\w+)\.)?")

Section = dict[str, Any]  # settings of a part, as a configuration has them


def part_checks(part: str, settings: Section, reads: str) -> dict[str, Check]:
    """Return the contract of a part with its settings, as checks.

    Parameters
    ----------
    part : str
        `FILE.py:CLASS`, or the name of a built-in part.
    settings : dict
    reads : str
        Kind of the tensors that a network of a user's own reads.

    Raises
    ------
    features.own.OwnPartError
        If there is no such part.
    InputError
        If it does not take the settings, or has no contract to be checked.
    """
    for names, _, checks in CONTRACTS:
        if part in names:
            return checks(part, settings, False)
    if part in MODELS:
        return _network({"name": part} | settings, MODELS[part].reads)
    kind = own_part(part).kind
    for _, method, checks in CONTRACTS:
        if hasattr(kind, method):
            return checks(part, settings, True)
    return _network({CLASS: part, READS: reads} | settings, reads)


def _augmentation(part: str, settings: Section, own: bool) -> dict[str, Check]:
    name, section = ("own", {CLASS: part} | settings) if own else (part, settings)
    config = _parsed({}, {"variants": {name: section}})
    return augmentation_checks(config.recipes[EXPERIMENT].augmentations[name])


def _feature(part: str, settings: Section, own: bool) -> dict[str, Check]:
    config = _parsed({}, {CLASS if own else "kind": part} | settings)
    return feature_checks(config.recipes[EXPERIMENT])


def _corpus(part: str, settings: Section, own: bool) -> dict[str, Check]:
    config = _parsed({"corpus": {CLASS if own else "source": part} | settings})
    corpus = config.experiments[EXPERIMENT].corpus
    source = None if isinstance(corpus, TagsCorpus) else source_of(corpus.stored(), "check")
    if not isinstance(source, FilesSource):
        raise InputError(f"check: {part}: expected a corpus of audio files; `otogura index` reads all that is in it")
    return corpus_checks(source)


def _network(section: Section, reads: str) -> dict[str, Check]:
    demo = {"source": "demo", "name": READY if reads == READY else DEFAULT_DEMO}
    config = _parsed({"corpus": demo, "model": section})
    experiment = config.experiments[EXPERIMENT]
    return network_checks(experiment.model, config.recipes[experiment.recipe])


def _parsed(experiment: Section, recipe: Section | None = None) -> Config:
    recipes = {} if recipe is None else {"recipes": {EXPERIMENT: recipe}}
    try:
        return parse({"experiments": {EXPERIMENT: experiment}, **recipes}, "check")
    except InputError as error:
        raise InputError(SECTION.sub("check: ", str(error))) from None


# Names of the built-in parts, a method that those of users have as well, and their checks. What has none is a network.
CONTRACTS: tuple[tuple[Collection[str], str, Callable[[str, Section, bool], dict[str, Check]]], ...] = (
    (AUGMENTATIONS, "draw", _augmentation),
    (RECIPES, "compute", _feature),
    (SOURCES, "recordings", _corpus),
)

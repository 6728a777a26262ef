"""Command that runs the contract of a part on it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.support.errors import InputError

if TYPE_CHECKING:
    from pipeline.check.contract import Outcome


READY = "spectrogram"  # the kind of tensors that come ready, and their demo


def check(
    part: Annotated[
        str, typer.Argument(metavar="FILE:NAME", help="A network, augmentation or corpus, or a built-in's name.")
    ],
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Its settings, as a configuration has them.")
    ] = None,
    reads: Annotated[
        str, typer.Option(help="Kind of tensors that a network of your own reads, as its configuration says.")
    ] = "four_channel",
) -> None:
    """Run the contract of a network, an augmentation or a corpus of your own on it, and say what it keeps or not."""
    import yaml

    given = {}
    for setting in settings or ():
        key, separator, value = setting.partition("=")
        if not separator:
            raise InputError(f"check: expected settings as KEY=VALUE, got {setting!r}")
        given[key] = yaml.safe_load(value)
    broken = 0
    for outcome in _outcomes(part, given, reads):
        broken += not outcome.passed
        mark = "ok    " if outcome.passed else "BROKEN"
        print(f"{mark}  {outcome.name}{': ' if outcome.remark else ''}{outcome.remark}", flush=True)
    if broken:
        raise typer.Exit(1)


def _outcomes(part: str, given: dict[str, Any], reads: str) -> Iterator["Outcome"]:
    from features.augmentations import AUGMENTATIONS
    from features.own import own_part
    from pipeline.check.augmentations import augmentation_checks
    from pipeline.check.contract import outcomes
    from pipeline.check.corpora import corpus_checks
    from pipeline.check.networks import network_checks
    from pipeline.config.corpora import DEFAULT_DEMO
    from pipeline.config.schema import parse
    from pipeline.corpus.sources import SOURCES
    from pipeline.corpus.sources.files import FilesSource
    from pipeline.corpus.sources.readers import source_of
    from pipeline.corpus.sources.tags.settings import TagsCorpus
    from training.models import MODELS

    own = part not in MODELS and part not in AUGMENTATIONS and part not in SOURCES
    kind = own_part(part).kind if own else None
    if part in AUGMENTATIONS or hasattr(kind, "draw"):
        name, section = ("own", {"class": part} | given) if own else (part, given)
        config = parse({"experiments": {"x": {}}, "recipes": {"music": {"variants": {name: section}}}}, "check")
        return outcomes(augmentation_checks(config.recipes["music"].augmentations[name]))
    if part in SOURCES or hasattr(kind, "recordings"):
        section = {"class" if own else "source": part} | given
        corpus = parse({"experiments": {"x": {"corpus": section}}}, "check").experiments["x"].corpus
        source = None if isinstance(corpus, TagsCorpus) else source_of(corpus.stored(), "check")
        if not isinstance(source, FilesSource):
            raise InputError(
                f"check: {part}: expected a corpus of audio files; `otogura index` reads all that is in it"
            )
        return outcomes(corpus_checks(source))
    section = {"class": part, "reads": reads} | given if own else {"name": part} | given
    kind_of_tensor = reads if own else MODELS[part].reads
    demo = {"source": "demo", "name": READY if kind_of_tensor == READY else DEFAULT_DEMO}
    config = parse({"experiments": {"x": {"corpus": demo, "model": section}}}, "check")
    experiment = config.experiments["x"]
    return outcomes(network_checks(experiment.model, config.recipes[experiment.recipe]))

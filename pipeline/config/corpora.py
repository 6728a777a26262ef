"""Type of the `corpus:` section of a configuration: the settings of one of the sources, or a demo."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, Union

from pydantic import BeforeValidator, Field, SerializeAsAny, WrapValidator, model_validator

from features.own import CLASS
from features.own_dataclass import REFERENCE
from pipeline import demos
from pipeline.corpus.sources import SOURCES, own_or_built_in
from pipeline.corpus.sources.base import CorpusSettings, StoredCorpus
from pipeline.corpus.sources.tags.settings import Labels, TagsCorpus

DEFAULT_SOURCE = "audio"
DEFAULT_DEMO = "genres"

if TYPE_CHECKING:
    DemoName: TypeAlias = str
else:
    DemoName = Literal[demos.NAMES]


class DemoCorpus(CorpusSettings):
    """A corpus that the project synthesises in its real on-disk format."""

    source: Literal["demo"] = "demo"

    name: DemoName = DEFAULT_DEMO
    """Demo to be synthesised."""

    labels: Labels | None = None
    """Labels of the demo `bgm`, as in the source `tags`; the other demos have their own. Null: `genre`."""

    @model_validator(mode="after")
    def _has_labels(self) -> "DemoCorpus":
        if self.labels is not None and not _has_tags(self.name):
            tagged = " and ".join(filter(_has_tags, demos.NAMES))
            raise ValueError(f"only the demo {tagged} has labels to choose; {self.name} has its own")
        return self

    @property
    def has_folds(self) -> bool:
        """Return True if clips of the demo have folds to test on."""
        return _synthesised(self.name, Path()).has_folds

    @property
    def spectrogram_values(self) -> int | None:
        """Return the number of values of each ready-made spectrogram; None for a demo of sound."""
        return _synthesised(self.name, Path()).spectrogram_values

    @property
    def demo(self) -> str:
        """Return the name of the demo."""
        return self.name

    def synthesised(self, folder: Path) -> CorpusSettings:
        """Return the settings by which the demo is read once it lies below `folder`."""
        corpus = _synthesised(self.name, folder)
        return corpus if self.labels is None else corpus.model_copy(update={"labels": self.labels})

    def stored(self, labels: Path | None = None) -> StoredCorpus:
        """Raise `TypeError`: the corpus to be read is the one that `synthesised` returns."""
        raise TypeError(f"the demo {self.name} has no folder yet; expected a corpus that is synthesised")


def _synthesised(name: str, folder: Path) -> CorpusSettings:
    section = demos.demo(name).corpus(folder / name)
    return SOURCES[section["source"]].model_validate(section)


def _has_tags(name: str) -> bool:
    return isinstance(_synthesised(name, Path()), TagsCorpus)


def words_of(section: Any) -> list[str]:
    """Return the words by which a corpus has its usual model: source, demo, table, and the source of a demo.

    Parameters
    ----------
    section : Any
        As a user writes it below `corpus:`, not checked yet.
    """
    if not isinstance(section, dict):
        return []
    words = [Path(str(section.get(key))).name for key in ("source", "name", "table")]
    if section.get("source") == "demo" and (name := str(section.get("name", DEFAULT_DEMO))) in demos.NAMES:
        words.append(demos.demo(name).corpus(Path())["source"])
    return words


def unless_named(key: str, default: str) -> BeforeValidator:
    """Return a validator that adds a key with its default to a section that has neither it nor a class."""

    def added(section: Any) -> Any:
        plain = isinstance(section, dict) and not {CLASS, REFERENCE} & section.keys()
        return {key: default} | section if plain else section

    return BeforeValidator(added)


if TYPE_CHECKING:
    Corpus: TypeAlias = CorpusSettings
else:
    Corpus = SerializeAsAny[
        Annotated[
            Union[(*SOURCES.values(), DemoCorpus)],
            Field(discriminator="source"),
            unless_named("source", DEFAULT_SOURCE),
            WrapValidator(own_or_built_in),
        ]
    ]

"""The `corpus:` section of a configuration: what recordings there are, and where. Imported by every source."""

import os
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from training.settings import Positive, Section


def _expanded(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("expected a path without zero bytes")
    try:
        return path.expanduser()
    except RuntimeError:  # ~ of an unknown user
        raise ValueError("expected the name of a user after ~, or a whole path") from None


def real_path(path: Path) -> Path:
    """Return the path from the root of the file system, without links; those that form a circle stay."""
    return Path(os.path.realpath(path))  # `Path.resolve` raises where a link leads to itself


# Relative to where the command runs; ~ is the user's home.
UserPath = Annotated[Path, AfterValidator(_expanded)]
Fraction = Annotated[float, Field(ge=0, le=1)]


def _texts(value: Any) -> Any:
    """YAML reads `0: OK` as a number, and `esc10: True` as true."""
    return {str(key): str(name) for key, name in value.items()} if isinstance(value, dict) else value


class AudioCorpus(Section):
    """A folder of recordings: the label is the sub-folder, or stands in a table; without either there is none."""

    source: Literal["audio"] = "audio"
    root: UserPath
    table: UserPath | None = None  # a CSV; relative to where the command runs, or else to the root
    path: str = "path"  # the table's column with the file, relative to the root
    label: str | None = "label"  # null: the table has no labels
    group: str | None = None  # the column of the source recording, subject or artist
    fold: str | None = None
    side: str | None = None  # the column that says which rows train, validate and test
    # The rows of the table whose columns say just this.
    only: Annotated[dict[str, str], BeforeValidator(_texts)] = Field(default_factory=dict)
    segments: Positive = 1  # equal parts of each recording, every one a clip of its own on the same side
    silent: Literal["keep", "quarantine"] = "keep"
    max_quarantine: Fraction = 0.5  # a larger share of bad recordings stops the run

    @model_validator(mode="after")
    def _has_rows(self) -> "AudioCorpus":
        if self.only and self.table is None:
            raise ValueError("only chooses rows of a table, and there is none; name it as table")
        for key in ("group", "fold", "side"):
            if getattr(self, key) is not None and self.table is None:
                raise ValueError(f"{key} is a column of a table, and there is none; name it as table")
        if self.fold is not None and self.side is not None:
            raise ValueError("say fold or side, not both: each says which rows test")
        return self

    @property
    def has_folds(self) -> bool:
        return self.fold is not None

    @property
    def title(self) -> str:
        """What its stores are called after: the folder, or the one above where that says nothing."""
        root = real_path(self.root)
        return root.parent.name if root.name in ("audio", "tracks") else root.name

    def resolved(self) -> "AudioCorpus":
        """With whole paths, since workers may stand in another folder."""
        return self.model_copy(update={"root": real_path(self.root)})


class Fetch(Section):
    """An archive to be fetched. Its default is that of ESC-50, 645 695 005 bytes."""

    url: Annotated[str, Field(pattern="^https?://")] = "https://github.com/karolpiczak/ESC-50/archive/master.zip"
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] = (
        "805afc618aff80eff0641d51311647871fead5807da68bb18e43a27db47a79ce"
    )


BY_FILE = "file"


def _ok_or_ng() -> dict[str, str]:
    return {"OK": "OK", "NG": "NG", "0": "OK", "1": "NG"}


class JsonCorpus(Section):
    """A folder of JSON files with waveforms and labels."""

    has_folds: ClassVar[bool] = False
    source: Literal["json"] = "json"
    root: UserPath
    # What a file says, and the class that it means.
    labels: Annotated[dict[str, str], BeforeValidator(_texts)] = Field(default_factory=_ok_or_ng, min_length=2)
    group: str | None = None  # the member with the source of a record, or `file`
    sample_rate_hz: Positive = 44100  # where a file does not say its fs
    silent: Literal["keep", "quarantine"] = "keep"
    max_quarantine: Fraction = 0.5

    @property
    def title(self) -> str:
        return real_path(self.root).name

    def resolved(self) -> "JsonCorpus":
        return self.model_copy(update={"root": real_path(self.root)})


class Esc50Corpus(Section):
    """ESC-50 as its archive unpacks: `meta/esc50.csv` and `audio` below the root."""

    has_folds: ClassVar[bool] = True
    source: Literal["esc50"] = "esc50"
    root: UserPath
    subset: Literal["esc50", "esc10"] = "esc50"  # all 50 classes, or the ten
    fetch: Fetch | None = None  # `{}` fetches the archive if the root is not there
    silent: Literal["keep", "quarantine"] = "keep"
    max_quarantine: Fraction = 0.5

    def audio(self) -> AudioCorpus:
        """The same as a folder and a table."""
        return AudioCorpus(
            root=self.root / "audio",
            table=self.root / "meta" / "esc50.csv",
            path="filename",
            label="category",
            group="src_file",
            fold="fold",
            only={"esc10": "True"} if self.subset == "esc10" else {},
            silent=self.silent,
            max_quarantine=self.max_quarantine,
        )


Labels = Literal["emotion", "genre", "instrument"]


Words = Annotated[tuple[str, ...], Field(min_length=1)]


class TagsCorpus(Section):
    """A folder of tracks and a table of their tags, which say the label: by words, or by their polarity."""

    has_folds: ClassVar[bool] = False
    source: Literal["tags"] = "tags"
    root: UserPath
    table: UserPath  # a CSV; as the dictionary relative to where the command runs, or else to the root
    dictionary: UserPath | None = None  # lines of word:reading:part-of-speech:score
    # One of the published sets, or the words that stand for each class.
    labels: Labels | Annotated[dict[str, Words], Field(min_length=2)] = "genre"
    each: Positive = 1500  # tracks of the lowest and of the highest polarity
    title: str = "title"  # columns of the table
    tags: str = "tags"
    description: str = "description"
    path: str | None = None  # of the recording, relative to the root; without it a file is called as its title
    group: str | None = None
    read_description: bool = False  # whether its words count as well
    segments: Positive = 1
    silent: Literal["keep", "quarantine"] = "keep"
    max_quarantine: Fraction = 0.5

    @model_validator(mode="after")
    def _has_a_dictionary(self) -> "TagsCorpus":
        if self.labels == "emotion" and self.dictionary is None:
            raise ValueError("the labels emotion need a polarity dictionary; name it as dictionary")
        return self

    def audio(self, labels: Path) -> AudioCorpus:
        """The same as a folder and the table of labels that was mined."""
        return AudioCorpus(
            root=self.root,
            table=labels,
            group="group",
            segments=self.segments,
            silent=self.silent,
            max_quarantine=self.max_quarantine,
        )


class CsvCorpus(Section):
    """Tables of ready spectrograms: on each line a label from 1 on, and the values."""

    source: Literal["csv"] = "csv"
    train: UserPath
    test: UserPath | None = None  # without it test clips are split off by group
    values: Positive = 1000  # on each line, beside the label
    classes: Positive = 8
    max_quarantine: Fraction = 0.0  # a bad line in a table of numbers means that the table is not what it should be

    @property
    def has_folds(self) -> bool:
        return self.test is not None

    @property
    def title(self) -> str:
        return self.train.stem

    def resolved(self) -> "CsvCorpus":
        test = None if self.test is None else real_path(self.test)
        return self.model_copy(update={"train": real_path(self.train), "test": test})


class DemoCorpus(Section):
    """A corpus that the project synthesises in its real on-disk format."""

    source: Literal["demo"] = "demo"
    name: Literal["genres", "strikes", "environment", "spectrogram", "bgm"] = "genres"
    labels: Labels | None = None  # of the demo bgm: genre, unless this says otherwise

    @model_validator(mode="after")
    def _has_labels(self) -> "DemoCorpus":
        if self.labels is not None and self.name != "bgm":
            raise ValueError(f"only the demo bgm has labels to choose; {self.name} has its own")
        return self

    @property
    def has_folds(self) -> bool:
        return self.name in ("environment", "spectrogram")


def unless_named(key: str, default: str) -> BeforeValidator:
    """What a section is when the key that says so is left out."""
    return BeforeValidator(lambda value: {key: default} | value if isinstance(value, dict) else value)


# What lies on disk; a demo is one of these once it is synthesised.
OnDisk = AudioCorpus | JsonCorpus | CsvCorpus
AnyCorpus = Annotated[OnDisk, Field(discriminator="source")]
Corpus = Annotated[
    Annotated[OnDisk | Esc50Corpus | TagsCorpus | DemoCorpus, Field(discriminator="source")],
    unless_named("source", "audio"),
]

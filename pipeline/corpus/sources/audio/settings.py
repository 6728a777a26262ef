"""Settings of a corpus of audio files."""

from typing import Literal

from pydantic import Field, model_validator

from pipeline.corpus.sources.base import Fraction, StoredCorpus, StringDict
from pipeline.support.paths import UserPath, real_path
from training.settings import Positive


class AudioCorpus(StoredCorpus):
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
    only: StringDict = Field(default_factory=dict)
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
        """Return True if the table has a column of folds."""
        return self.fold is not None

    @property
    def title(self) -> str:
        """Return the name of the folder, or of the one above it if it is only called `audio` or `tracks`."""
        root = real_path(self.root)
        return root.parent.name if root.name in ("audio", "tracks") else root.name

    def resolved(self) -> "AudioCorpus":
        """Return the settings with an absolute root; the table is read only by a scan."""
        return self.model_copy(update={"root": real_path(self.root)})

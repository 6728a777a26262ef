"""Settings of a corpus of audio files."""

from typing import Literal

from pydantic import Field, model_validator

from pipeline.corpus.sources.base import FilesCorpus, Fraction, StringDict
from pipeline.support.paths import UserPath, real_path
from training.settings import Positive


class AudioCorpus(FilesCorpus):
    """A folder of recordings: the label is the sub-folder, or stands in a table; without either there is none."""

    source: Literal["audio"] = "audio"

    root: UserPath
    """Folder of the recordings."""

    table: UserPath | None = None
    """CSV table of the recordings, with commas, semicolons or tabs, in the folder in which the command runs or else in
    `root`. Null: every audio file below `root`, with its sub-folder as the label."""

    path: str = "path"
    """Column of the table with the file, relative to `root`."""

    start_s: str | None = None
    """Column of the table with the second at which a segment begins: each row is a clip then. An empty cell is the
    beginning of the file. Null: a row is a file."""

    end_s: str | None = None
    """Column of the table with the second at which a segment ends. An empty cell is the end of the file."""

    label: str | None = "label"
    """Column of the table with the label. Null: the table has no labels."""

    group: str | None = None
    """Column of the table with the source recording, subject or artist, whose recordings stay on one side. Null: only
    recordings of the same content, and segments of one recording, stay together."""

    fold: str | None = None
    """Column of the table with the number of the fold, in place of `side`. Null: the corpus has no folds."""

    side: str | None = None
    """Column of the table that says which rows train, validate and test, in place of `fold`: its cells are `train`,
    `validation` or `test` (or `training`, `valid`, `val`, `dev`, `eval`). Null: the table gives no sides."""

    only: StringDict = Field(default_factory=dict)
    """Values by columns of the table, as in `{esc10: True}`; rows with other values are left out."""

    segments: Positive = 1
    """Equal parts of each recording, or of each segment of one. Each is a clip of its own, on the same side as the
    others, and their probabilities are averaged."""

    silent: Literal["keep", "quarantine"] = "keep"
    """Treatment of silent recordings: `keep` uses them, `quarantine` takes them for bad ones. A recording is silent if
    it stays below −80 dB of full scale, apart from a constant offset."""

    max_quarantine: Fraction = 0.5
    """Largest share of bad recordings that does not stop the run."""

    @model_validator(mode="after")
    def _has_rows(self) -> "AudioCorpus":
        if self.only and self.table is None:
            raise ValueError("only chooses rows of a table, and there is none; name it as table")
        for key in ("start_s", "end_s", "group", "fold", "side"):
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

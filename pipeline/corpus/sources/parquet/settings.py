"""Settings of a corpus of Parquet files."""

from typing import Literal

from pydantic import Field, model_validator

from pipeline.corpus.sources.base import FilesCorpus, Fraction
from pipeline.support.paths import UserPath, real_path
from training.settings import Positive


class ParquetCorpus(FilesCorpus):
    """Parquet files with sound in them, as the Hugging Face hub holds audio data sets: each row is a recording."""

    source: Literal["parquet"] = "parquet"

    root: UserPath
    """Folder of the `.parquet` files, which may lie in sub-folders, or one such file."""

    audio: str = Field("audio", min_length=1)
    """Column with the sound: the bytes of an audio file, or a struct of `bytes` and `path`."""

    label: str | None = "label"
    """Column with the label: text, numbers whose names stand in the schema, or lists of either. Null: there are no
    labels."""

    group: str | None = None
    """Column with the source recording, subject or artist, whose recordings stay on one side. Null: only recordings of
    the same content, and segments of one recording, stay together."""

    fold: str | None = None
    """Column with the number of the fold, in place of sides. Null: the corpus has no folds."""

    side: str | None = None
    """Column that says which rows train, validate and test, in place of the names of the files: its cells are `train`,
    `validation` or `test` (or `training`, `valid`, `val`, `dev`, `eval`)."""

    sides_by_name: bool = True
    """Files such as `train-00000-of-00004.parquet` and `test/0000.parquet` are the sides that their names say, if there
    is one beside those that train. Without a file that tests, those that validate test. A column of sides or folds
    comes before the names. False: all files are taken together."""

    segments: Positive = 1
    """Equal parts of each recording. Each is a clip of its own, on the same side as the others, and their probabilities
    are averaged."""

    silent: Literal["keep", "quarantine"] = "keep"
    """Treatment of silent recordings: `keep` uses them, `quarantine` takes them for bad ones. A recording is silent if
    it stays below −80 dB of full scale, apart from a constant offset."""

    max_quarantine: Fraction = 0.5
    """Largest share of bad recordings that does not stop the run."""

    @model_validator(mode="after")
    def _has_one_way_to_test(self) -> "ParquetCorpus":
        if self.fold is not None and self.side is not None:
            raise ValueError("say fold or side, not both: each says which rows test")
        return self

    @property
    def has_folds(self) -> bool:
        """Return True if there is a column of folds."""
        return self.fold is not None

    @property
    def title(self) -> str:
        """Return the name of the folder, or of the file without its ending."""
        root = real_path(self.root)
        return root.stem if root.suffix.lower() == ".parquet" else root.name

    def resolved(self) -> "ParquetCorpus":
        """Return the settings with an absolute root."""
        return self.model_copy(update={"root": real_path(self.root)})

"""Settings of a corpus of ready-made spectrograms in CSV tables."""

from typing import Literal

from pipeline.corpus.sources.base import Fraction, StoredCorpus
from pipeline.support.paths import UserPath, real_path
from training.settings import Positive


class CsvCorpus(StoredCorpus):
    """Tables of ready spectrograms: on each line a label from 1 on, and the values."""

    source: Literal["csv"] = "csv"

    train: UserPath
    """Table of the clips to train and to validate on; without `test`, of all clips."""

    test: UserPath | None = None
    """Table of the clips to test on. Null: they are split off from those of `train`."""

    values: Positive = 1000
    """Values on each line, beside the label: `rows` times `frames` of the recipe."""

    classes: Positive = 8
    """Largest label; the labels are whole numbers from 1 on."""

    max_quarantine: Fraction = 0.0
    """Largest share of bad lines that does not stop the run. By default one line stops it: a bad line in a table of
    numbers means that the table is not what it should be."""

    @property
    def has_folds(self) -> bool:
        """Return True if there is a table to test on: the tables are the folds."""
        return self.test is not None

    @property
    def spectrogram_values(self) -> int:
        """Return the number of values on each line."""
        return self.values

    @property
    def title(self) -> str:
        """Return the name of the first table, without its ending."""
        return self.train.stem

    def resolved(self) -> "CsvCorpus":
        """Return the settings with absolute paths of the tables."""
        test = None if self.test is None else real_path(self.test)
        return self.model_copy(update={"train": real_path(self.train), "test": test})

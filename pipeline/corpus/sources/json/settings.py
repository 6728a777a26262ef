"""Settings of a corpus of waveforms in JSON files."""

from typing import Literal

from pydantic import Field

from pipeline.corpus.sources.base import Fraction, StoredCorpus, StringDict
from pipeline.support.paths import UserPath, real_path
from training.settings import Positive

BY_FILE = "file"


def _ok_or_ng() -> dict[str, str]:
    return {"OK": "OK", "NG": "NG", "0": "OK", "1": "NG"}


class JsonCorpus(StoredCorpus):
    """A folder of JSON files with waveforms and labels."""

    source: Literal["json"] = "json"

    root: UserPath
    """Folder of the JSON files."""

    labels: StringDict = Field(default_factory=_ok_or_ng, min_length=2)
    """Classes by the labels that stand for them in the files, as in `{0: OK, 1: NG}`. A record with another label is a
    bad recording."""

    group: str | None = None
    """Member with the source of a record, such as a machine, whose records stay on one side; `file`: the records of a
    file stay together. Null: only records of the same content do."""

    sample_rate_hz: Positive = 44100
    """Sample rate in Hz of records without `fs`."""

    silent: Literal["keep", "quarantine"] = "keep"
    """Treatment of silent recordings: `keep` uses them, `quarantine` takes them for bad ones. A recording is silent if
    it stays below −80 dB of full scale, apart from a constant offset."""

    max_quarantine: Fraction = 0.5
    """Largest share of bad recordings that does not stop the run."""

    @property
    def title(self) -> str:
        """Return the name of the folder."""
        return real_path(self.root).name

    @property
    def default_rate_hz(self) -> int:
        """Return the rate in Hz of records without `fs`."""
        return self.sample_rate_hz

    def resolved(self) -> "JsonCorpus":
        """Return the settings with an absolute root."""
        return self.model_copy(update={"root": real_path(self.root)})

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
    # What a file says, and the class that it means.
    labels: StringDict = Field(default_factory=_ok_or_ng, min_length=2)
    group: str | None = None  # the member with the source of a record, or `file`
    sample_rate_hz: Positive = 44100  # where a file does not say its fs
    silent: Literal["keep", "quarantine"] = "keep"
    max_quarantine: Fraction = 0.5

    @property
    def title(self) -> str:
        """Return the name of the folder."""
        return real_path(self.root).name

    def resolved(self) -> "JsonCorpus":
        """Return the settings with an absolute root."""
        return self.model_copy(update={"root": real_path(self.root)})

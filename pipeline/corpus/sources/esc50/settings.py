"""Settings of ESC-50, and the corpus of audio files that they stand for."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.base import Archive, CorpusSettings, Fraction
from pipeline.support.paths import UserPath


class Fetch(Archive):
    """An archive to be fetched. Its default is that of ESC-50, 645 695 005 bytes."""

    url: Annotated[str, Field(pattern="^https?://")] = "https://github.com/karolpiczak/ESC-50/archive/master.zip"
    """Address of a zip archive that holds one folder."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] = (
        "805afc618aff80eff0641d51311647871fead5807da68bb18e43a27db47a79ce"
    )
    """SHA-256 checksum of the archive, 64 hexadecimal digits. An archive with another one is not unpacked."""


class Esc50Corpus(CorpusSettings):
    """ESC-50 as its archive unpacks: `meta/esc50.csv` and `audio` below the root."""

    source: Literal["esc50"] = "esc50"

    root: UserPath
    """Folder with `meta` and `audio`."""

    subset: Literal["esc50", "esc10"] = "esc50"
    """All 50 classes, or the ten of ESC-10."""

    fetch: Fetch | None = None
    """Archive to be fetched if `root` is missing or empty; `{}` is that of ESC-50. Null: nothing is fetched."""

    silent: Literal["keep", "quarantine"] = "keep"
    """Treatment of silent recordings: `keep` uses them, `quarantine` takes them for bad ones. A recording is silent if
    it stays below −80 dB of full scale, apart from a constant offset."""

    max_quarantine: Fraction = 0.5
    """Largest share of bad recordings that does not stop the run."""

    @property
    def has_folds(self) -> bool:
        """Return True: the table has five folds."""
        return True

    @property
    def archive(self) -> tuple[Archive, Path] | None:
        """Return the archive to be fetched, if there is one, and the root, which it becomes."""
        return None if self.fetch is None else (self.fetch, self.root)

    def stored(self, labels: Path | None = None) -> AudioCorpus:
        """Return the corpus as a folder of audio files and a table."""
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

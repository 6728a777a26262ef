"""Settings of a Kaldi folder."""

from typing import Literal

from pipeline.corpus.sources.base import FilesCorpus, Fraction
from pipeline.support.paths import UserPath, real_path
from training.settings import Positive


class KaldiCorpus(FilesCorpus):
    """A Kaldi folder: `wav.scp` names the files. Where there are `segments`, they are the clips; where there is
    `utt2spk`, recordings of one speaker stay on one side."""

    source: Literal["kaldi"] = "kaldi"

    root: UserPath
    """The folder."""

    labels: str | None = "utt2label"
    """Name of the file in it with an utterance and a label on each line. Null: there are no labels."""

    files: UserPath | None = None
    """Folder of sound files that are named relative to it. Null: `root`."""

    segments: Positive = 1
    """Equal parts of each recording, or of each segment of one. Each is a clip of its own, on the same side as the
    others, and their probabilities are averaged."""

    silent: Literal["keep", "quarantine"] = "keep"
    """Treatment of silent recordings: `keep` uses them, `quarantine` takes them for bad ones. A recording is silent if
    it stays below −80 dB of full scale, apart from a constant offset."""

    max_quarantine: Fraction = 0.5
    """Largest share of bad recordings that does not stop the run."""

    @property
    def title(self) -> str:
        """Return the name of the folder."""
        return real_path(self.root).name

    def resolved(self) -> "KaldiCorpus":
        """Return the settings with absolute folders; the tables are read only by a scan."""
        files = self.root if self.files is None else self.files
        return self.model_copy(update={"root": real_path(self.root), "files": real_path(files)})

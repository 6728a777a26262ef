"""Settings of a corpus that manifests list."""

from pathlib import Path
from typing import Literal

from pydantic import model_validator

from pipeline.corpus.sources.base import FilesCorpus, Fraction
from pipeline.support.paths import UserPath, real_path
from training.settings import Positive, Section


class SideManifests(Section):
    """A manifest for each side."""

    train: UserPath
    """The manifest of what trains."""

    validation: UserPath | None = None
    """The manifest of what validates. Null: a part of the training clips does."""

    test: UserPath
    """The manifest of what tests."""


class ManifestCorpus(FilesCorpus):
    """Manifests of JSON lines, `.gz` too, each line a recording or a segment of one: `audio_filepath`, `offset` and
    `duration` as NeMo has them, or `recording_id`, `start` and `duration` of Lhotse's supervisions. Where there is no
    `offset` the whole file is meant."""

    source: Literal["manifest"] = "manifest"

    manifest: SideManifests | UserPath
    """The manifest, or one for each side: `{train: …, validation: …, test: …}`."""

    recordings: UserPath | None = None
    """Lhotse's manifest of the recordings, if the others are of supervisions."""

    root: UserPath | None = None
    """Folder of files that are named relative to it. Null: that of the manifest which names them."""

    label: str | None = "label"
    """Member with the label, or with a list of labels; dots lead into members, as in `custom.label`. Null: there are no
    labels."""

    group: str | None = None
    """Member with the source recording, subject or artist, whose recordings stay on one side, as `speaker`. Null: only
    recordings of the same content, and segments of one recording, stay together."""

    fold: str | None = None
    """Member with the number of the fold. Null: the corpus has no folds."""

    side: str | None = None
    """Member that says which lines train, validate and test, where one manifest has them all. Null: it gives no
    sides."""

    segments: Positive = 1
    """Equal parts of each recording, or of each segment of one. Each is a clip of its own, on the same side as the
    others, and their probabilities are averaged."""

    silent: Literal["keep", "quarantine"] = "keep"
    """Treatment of silent recordings: `keep` uses them, `quarantine` takes them for bad ones. A recording is silent if
    it stays below −80 dB of full scale, apart from a constant offset."""

    max_quarantine: Fraction = 0.5
    """Largest share of bad recordings that does not stop the run."""

    @model_validator(mode="after")
    def _says_sides_once(self) -> "ManifestCorpus":
        given = [key for key in ("fold", "side") if getattr(self, key) is not None]
        given += ["manifest: {train: …}"] if isinstance(self.manifest, SideManifests) else []
        if len(given) > 1:
            raise ValueError(f"say {' or '.join(given)}, not both: each says which recordings test")
        return self

    @property
    def manifests(self) -> dict[str | None, Path]:
        """Return the manifests by their sides; None is the side of one that has them all."""
        if isinstance(self.manifest, Path):
            return {None: self.manifest}
        return {side: path for side, path in self.manifest if path is not None}

    @property
    def folder(self) -> Path:
        """Return the folder that the names of files are relative to in the index."""
        return (self.recordings or next(iter(self.manifests.values()))).parent if self.root is None else self.root

    @property
    def has_folds(self) -> bool:
        """Return True if there is a member with folds."""
        return self.fold is not None

    @property
    def title(self) -> str:
        """Return the name of the folder of the files."""
        return real_path(self.folder).name

    def resolved(self) -> "ManifestCorpus":
        """Return the settings with an absolute root; the manifests are read only by a scan."""
        return self.model_copy(update={"root": real_path(self.folder)})

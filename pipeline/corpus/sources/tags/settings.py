"""Settings of a corpus of tagged tracks, and the corpus of audio files that they become once labels are mined."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.base import CorpusSettings, Fraction
from pipeline.support.paths import UserPath
from training.settings import Positive

Labels = Literal["emotion", "genre", "instrument"]


Words = Annotated[tuple[str, ...], Field(min_length=1)]


class TagsCorpus(CorpusSettings):
    """A folder of tracks and a table of their tags, which say the label: by words, or by their polarity."""

    source: Literal["tags"] = "tags"

    root: UserPath
    """Folder of the recordings."""

    table: UserPath
    """CSV table of the tracks, in the folder in which the command runs or else in `root`."""

    dictionary: UserPath | None = None
    """Polarity dictionary with lines of `word:reading:part-of-speech:score`, in the same places as the table. Only the
    labels `emotion` need it."""

    labels: Labels | Annotated[dict[str, Words], Field(min_length=2)] = "genre"
    """Classes: one of the published sets, or the words that stand for each class, as in `{calm: [静か, quiet], tense:
    [緊張, tense]}`."""

    each: Positive = 1500
    """Number of tracks of the lowest polarity that become negative, and of the highest that become positive, where
    `labels` is `emotion`."""

    title: str = "title"
    """Column of the table with the title."""

    tags: str = "tags"
    """Column of the table with the tags."""

    description: str = "description"
    """Column of the table with the description. The table needs it only for `read_description`."""

    path: str | None = None
    """Column of the table with the file, relative to `root`. Null: each file is named after its title."""

    group: str | None = None
    """Column of the table with the artist, album or the like, whose tracks stay on one side. Null: only tracks of the
    same content, and segments of one track, stay together."""

    read_description: bool = False
    """True if the words of the description count as well as the tags."""

    segments: Positive = 1
    """Equal parts of each track. Each is a clip of its own, on the same side as the others."""

    silent: Literal["keep", "quarantine"] = "keep"
    """Treatment of silent recordings: `keep` uses them, `quarantine` takes them for bad ones. A recording is silent if
    it stays below −80 dB of full scale, apart from a constant offset."""

    max_quarantine: Fraction = 0.5
    """Largest share of bad recordings that does not stop the run."""

    @model_validator(mode="after")
    def _has_a_dictionary(self) -> "TagsCorpus":
        if self.labels == "emotion" and self.dictionary is None:
            raise ValueError("the labels emotion need a polarity dictionary; name it as dictionary")
        return self

    def stored(self, labels: Path | None = None) -> AudioCorpus:
        """Return the corpus as a folder of audio files and the table of labels that was mined."""
        return AudioCorpus(
            root=self.root,
            table=labels,
            group="group",
            segments=self.segments,
            silent=self.silent,
            max_quarantine=self.max_quarantine,
        )

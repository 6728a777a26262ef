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
    table: UserPath  # a CSV; as the dictionary relative to where the command runs, or else to the root
    dictionary: UserPath | None = None  # lines of word:reading:part-of-speech:score
    # One of the published sets, or the words that stand for each class.
    labels: Labels | Annotated[dict[str, Words], Field(min_length=2)] = "genre"
    each: Positive = 1500  # tracks of the lowest and of the highest polarity
    title: str = "title"  # columns of the table
    tags: str = "tags"
    description: str = "description"
    path: str | None = None  # of the recording, relative to the root; without it a file is called as its title
    group: str | None = None
    read_description: bool = False  # whether its words count as well
    segments: Positive = 1
    silent: Literal["keep", "quarantine"] = "keep"
    max_quarantine: Fraction = 0.5

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

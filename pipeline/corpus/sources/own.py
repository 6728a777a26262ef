"""Corpora of users' own: a class in a file that lists the recordings, whose parameters are the settings."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import create_model

from features.own import CLASS, PART, VERSION, OwnPart, OwnPartError, own_part, settings_of, validated
from pipeline.corpus.sources.base import FilesCorpus, Fraction, StoredCorpus
from pipeline.support.paths import real_path
from stores.files import write_json
from training.settings import Positive

OWN = "own"  # in place of the name of a source
LISTED_BY = "listed_by.json"  # in the folder of an index: the class and its version, for whoever asks what has changed
HAS_FOLDS = "has_folds"  # of a class whose recordings have folds


class OwnCorpus(FilesCorpus):
    """Base class of the settings of corpora of users' own; each has a class made for it, from its signature."""

    part: ClassVar[OwnPart]

    segments: Positive = 1
    """Equal parts of each recording. Each is a clip of its own, on the same side as the others."""

    silent: Literal["keep", "quarantine"] = "keep"
    """Treatment of silent recordings, as for audio files."""

    max_quarantine: Fraction = 0.5
    """Largest share of bad recordings that does not stop the run."""

    if not TYPE_CHECKING:  # where it is a field of all sources

        @property
        def source(self) -> str:
            """Return the word that stands for all of them."""
            return OWN

    @property
    def reference(self) -> str:
        """Return the file and the class."""
        return str(getattr(self, CLASS))

    def made(self) -> Any:
        """Return the user's object, made with the settings. Raises `OwnPartError` where its class raises."""
        return self.part.made(**{name: getattr(self, name) for name in settings_of(self.part)})

    def folder(self) -> Path:
        """Return the folder that the paths of recordings are relative to. Raises `OwnPartError` if there is none."""
        root = getattr(self.made(), "root", None)
        if not isinstance(root, str | Path):
            raise OwnPartError(f"{self.reference}: expected the attribute root, the folder of the recordings")
        return real_path(Path(root))

    @property
    def has_folds(self) -> bool:
        """Return True if the class says that its recordings have folds."""
        return bool(getattr(self.part.kind, HAS_FOLDS, False))

    @property
    def title(self) -> str:
        """Return the name of the folder."""
        return self.folder().name

    def resolved(self) -> "OwnCorpus":
        """Return these settings: paths are resolved where they are used."""
        return self


def own_corpus(section: dict[str, Any]) -> OwnCorpus:
    """Return the settings of a `corpus:` with the key `class`, checked against the signature of the class.

    Raises
    ------
    OwnPartError
        If the class cannot be used, or has changed since the version that the section states, or has no `root`.
    OwnSettingsError
        If it does not take the settings.
    """
    try:
        part = own_part(str(section[CLASS]))
        kind = _settings_class(part)
        part.refuse_other_version(section)
        corpus = validated(kind, section)
        corpus.folder()
    except OwnPartError as error:
        raise OwnPartError(f"{CLASS}: {error}") from None
    return corpus


def write_listed_by(folder: Path, corpus: StoredCorpus) -> None:
    """Write into the folder of an index which class has listed the corpus, if it is one of a user's own."""
    if isinstance(corpus, OwnCorpus):
        write_json(folder / LISTED_BY, {CLASS: corpus.reference, VERSION: corpus.part.version})


@cache
def _settings_class(part: OwnPart) -> type[OwnCorpus]:
    reference = part.reference
    if not callable(getattr(part.kind, "recordings", None)):
        raise OwnPartError(f"{reference}: expected the method recordings, found none")
    taken = {CLASS, PART, VERSION, *OwnCorpus.model_fields, *dir(OwnCorpus)}
    kind: type[OwnCorpus] = create_model(
        part.kind.__name__,
        __base__=OwnCorpus,
        **{  # type: ignore[call-overload]  # keys that are computed
            CLASS: (Literal[reference], ...),
            VERSION: (Literal[part.version], part.version),
            **settings_of(part, taken=taken),
        },
    )
    kind.part = part
    return kind

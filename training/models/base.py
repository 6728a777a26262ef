"""Base classes of the settings of networks, without torch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from training.settings import Positive, Section

Dropout = Annotated[float, Field(ge=0, lt=1)]


class NetworkSettings(Section):
    """Base class of the settings of a network, as a user writes them below `model:`.

    The one subclass in `training/models/<name>/settings.py` has the field `name: Literal["<name>"] = "<name>"`, a field
    for each setting, with a default, and these class variables:

    Attributes
    ----------
    reads : str
        Kind of the recipes whose tensors the network reads.
    recipes : dict
        Recipes for this network by name, as a user writes them below `recipes:`. The first is the default.
    corpora : tuple of str
        Sources, demos and names of tables whose corpora are learned by this network unless a user names another.
    published : dict
        Settings of `training:` that differ from the defaults of `Training`, as a user writes them.
    search_space : dict
        Default of `search: space:`; empty if there is none.
    """

    reads: ClassVar[str]
    recipes: ClassVar[dict[str, dict[str, Any]]]
    corpora: ClassVar[tuple[str, ...]] = ()
    published: ClassVar[dict[str, Any]] = {}
    search_space: ClassVar[dict[str, Any]] = {}

    if TYPE_CHECKING:  # a field here would come before those of a subclass in every message that lists them
        name: str

    def takes(self, kind: str, shape: Sequence[int]) -> bool:
        """Return True if the network reads tensors of that kind and shape."""
        return kind == self.reads

    @property
    def input_text(self) -> str:
        """Return the tensors that the network reads, in words."""
        return f"tensors of kind {self.reads}"

    @classmethod
    def default_recipe(cls, settings: dict[str, Any]) -> str:
        """Return the name of the recipe to take if none is named, for settings that are not validated yet."""
        return next(iter(cls.recipes))


class OneChannelModel(NetworkSettings):
    """Base class of networks for one channel, which is standardised by statistics of the training clips.

    They read all tensors `(rows, frames, 1)`, of whatever kind.
    """

    smallest: ClassVar[int] = 1  # rows and frames

    crop: tuple[Positive, Positive] | None = None
    """Rows and frames of the part that the network sees: cut anywhere in training, and by `test_crops` in evaluation.
    Null: the whole tensor."""

    test_crops: tuple[Positive, Positive] = (1, 1)
    """Number of parts in evaluation, along rows and along frames. They are spread evenly, a single one lies in the
    centre, and their probabilities are averaged."""

    def takes(self, kind: str, shape: Sequence[int]) -> bool:
        """Return True for tensors of one channel."""
        return len(shape) == 3 and shape[2] == 1

    @property
    def input_text(self) -> str:
        """Return the tensors that the network reads, in words."""
        return "tensors of one channel (rows, frames, 1)"


class SpectrogramModel(OneChannelModel):
    """Base class of networks for ready-made spectrograms."""

    reads: ClassVar[str] = "spectrogram"
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"spectrogram": {"kind": "spectrogram"}}


class LogMelModel(OneChannelModel):
    """Base class of networks for log-mel spectrograms of environment sounds."""

    reads: ClassVar[str] = "log_mel"
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"environment": {"kind": "log_mel"}}
    published: ClassVar[dict[str, Any]] = {
        "epochs": 40,
        "batch_size": 400,
        "learning_rate": 3e-4,
        "schedule": "constant",
        "weight_decay": 1e-3,
        "keep": "last",
        "variants": "original",
        "views": 5,
        "augment": {"row_masks": 2, "frame_masks": 2},
    }

    crop: tuple[Positive, Positive] | None = (100, 384)
    """Rows and frames of the part that the network sees: cut anywhere in training, and by `test_crops` in evaluation.
    Null: the whole tensor."""

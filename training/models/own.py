"""Networks of a user's own: a class in a file, whose parameters are the settings."""

from functools import cache
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from pydantic import create_model

from features.own import CLASS, PART, VERSION, OwnPart, OwnPartError, own_part, settings_of, validated
from features.tensors import KINDS
from training.models.base import NetworkSettings, OneChannelModel

READS = "reads"
SHAPE = "shape"
GIVEN = ("classes", SHAPE)  # parameters of the class that are no settings
SPECTROGRAMS = ("log_mel", "spectrogram")  # kinds of one channel, which training clips standardise


class OwnModel(NetworkSettings):
    """Base class of the settings of networks of users' own; each has a class made for it, from its signature."""

    part: ClassVar[OwnPart]

    if not TYPE_CHECKING:  # where it is a field of all networks

        @property
        def name(self) -> str:
            """Return the file and the class."""
            return str(getattr(self, CLASS))

    @property
    def takes_shape(self) -> bool:
        """Return True if the class has a parameter for the shape of a clip."""
        return SHAPE in signature(self.part.kind).parameters

    def parameters(self) -> dict[str, Any]:
        """Return the arguments of the class that are settings."""
        return {name: getattr(self, name) for name in settings_of(self.part, GIVEN)}


def own_settings(section: dict[str, Any]) -> OwnModel:
    """Return the settings of a `model:` with the key `class`, checked against the signature of the class.

    Raises
    ------
    OwnPartError
        If the class cannot be used, or has changed since the version that the section states.
    OwnSettingsError
        If it does not take the settings.
    """
    try:
        part = own_part(str(section[CLASS]))
        kind = _settings_class(part, str(section.get(READS, "")))
    except OwnPartError as error:
        raise OwnPartError(f"{CLASS}: {error}") from None
    part.refuse_other_version(section)
    return validated(kind, section)


@cache
def _settings_class(part: OwnPart, reads: str) -> type[OwnModel]:
    reference = part.reference
    if not hasattr(part.kind, "forward"):
        raise OwnPartError(f"{reference}: expected a torch.nn.Module, got a class without forward")
    base = (OwnModel, OneChannelModel) if reads in SPECTROGRAMS else (OwnModel,)
    taken = {CLASS, PART, READS, VERSION, *dir(OwnModel), *OneChannelModel.model_fields}
    made = create_model(
        part.kind.__name__,
        __base__=base,
        **{  # type: ignore[call-overload]  # keys that are computed
            CLASS: (Literal[reference], ...),
            READS: (Literal[KINDS], ...),
            VERSION: (Literal[part.version], part.version),
            **settings_of(part, GIVEN, taken),
        },
    )
    kind = cast(type[OwnModel], made)
    kind.part = part
    return kind

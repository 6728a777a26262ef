"""Parts of a user's own: classes in Python files beside the configuration."""

import inspect
import os
import traceback
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from features.own_code import PartCode

FORM = "FILE.py:CLASS"
CLASS, VERSION = "class", "version"  # keys of a section; the latter is also an attribute of a class that states it
PART = "part"  # attribute of the settings of a part, in which it is
LARGEST_CODE_BYTES = 4 * 2**20  # which go to workers with each of their tasks

Settings = TypeVar("Settings", bound=BaseModel)


class OwnPartError(ValueError):
    """Part that cannot be used; the text says where, what was expected and found, and what to do."""


class OwnSettingsError(ValueError):
    """Settings that a part does not take: pydantic's error, and the JSON schema of the settings."""

    def __init__(self, error: ValidationError, schema: dict[str, Any]) -> None:
        super().__init__(str(error))
        self.error, self.schema = error, schema


@dataclass(frozen=True)
class OwnPart:
    """Class in a file of a user's.

    Attributes
    ----------
    reference : str
        The file, relative to where the command runs, and the class: `nets/mine.py:Net`.
    kind : type
        The class.
    version : str
        Hash of the file and of the local modules that it imports, or the class attribute `version` in its place.
    code : PartCode
        The file and these modules, as they were when the class was imported.
    """

    reference: str
    kind: type
    version: str
    code: PartCode = field(repr=False, compare=False)

    def made(self, **arguments: Any) -> Any:
        """Return an object of the class. Raises `OwnPartError` where the class raises anything."""
        try:
            return self.kind(**arguments)
        except Exception as error:  # a user's class may raise anything
            raise OwnPartError(f"{self.reference}: {line_of(error)}") from error

    def refuse_other_version(self, section: Mapping[str, Any]) -> None:
        """Raise `OwnPartError` where a section of settings states a version that is not that of the class now."""
        if (stated := section.get(VERSION, self.version)) != self.version:
            raise OwnPartError(
                f"{VERSION}: expected {stated}, got {self.version}: {self.reference} has changed; put the file of then "
                "back, or type the command again that it was used by"
            )


def own_part(reference: str, folder: Path | None = None) -> OwnPart:
    """Return the class that a reference names. Its file is imported, again where it has changed in the meantime.

    Parameters
    ----------
    reference : str
    folder : Path, optional
        Folder that the file is relative to; the current one by default.

    Raises
    ------
    OwnPartError
        If there is no such file or class, or the file cannot be imported.
    """
    file, _, name = reference.rpartition(":")
    if not file.endswith(".py") or not name.isidentifier():
        raise OwnPartError(f"expected {FORM}, got {reference!r}")
    path = Path(os.path.abspath((folder or Path()) / file))
    if not path.is_file():
        raise OwnPartError(f"{file}: no such file; its path is relative to where the command runs")
    code = PartCode.read(path)
    if code.size_bytes > LARGEST_CODE_BYTES:
        raise OwnPartError(
            f"{file}: expected at most {LARGEST_CODE_BYTES / 1e6:.1f} MB of code, which go to workers, got "
            f"{code.size_bytes / 1e6:.1f} MB with its local modules; keep data out of Python files"
        )
    return part_of(reference, code)


def part_of(reference: str, code: PartCode) -> OwnPart:
    """Return the class that a reference names, of code that was read before, perhaps on another machine.

    Raises
    ------
    OwnPartError
        If the code cannot be imported, or has no such class.
    """
    file, _, name = reference.rpartition(":")
    try:
        module = code.module()
    except Exception as error:  # noqa: BLE001  # a user's file may raise anything
        raise OwnPartError(f"{_place(error, code.path, file)}: {line_of(error)}") from None
    kind = getattr(module, name, None)
    if not isinstance(kind, type):
        defined = [own for own, value in vars(module).items() if _is_defined_in(module, value)]
        known = f"known there: {', '.join(defined)}" if defined else "it has none"
        raise OwnPartError(f"{file}: no class {name} in it; {known}")
    stated = vars(kind).get(VERSION)
    return OwnPart(reference, kind, code.digest if stated is None else str(stated), code)


def settings_of(part: OwnPart, given: Collection[str] = (), taken: Collection[str] = ()) -> dict[str, tuple[Any, Any]]:
    """Return type and default of each setting of a part, by name, from the signature of its class.

    Parameters
    ----------
    part : OwnPart
    given : collection of str
        Names of parameters that are no settings: otogura gives them.
    taken : collection of str
        Names that no setting can have.

    Raises
    ------
    OwnPartError
        If a parameter has no type or a name that is taken, or cannot be given by its name.
    """
    try:
        signature = inspect.signature(part.kind, eval_str=True)
    except (NameError, TypeError, ValueError) as error:
        raise OwnPartError(f"{part.reference}: its signature cannot be read: {error}") from None
    settings: dict[str, tuple[Any, Any]] = {}
    for name, parameter in signature.parameters.items():
        if name in given:
            continue
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise OwnPartError(f"{part.reference}: expected settings by their names, got the parameter {parameter}")
        if name in taken:
            raise OwnPartError(f"{part.reference}: {name} cannot be the name of a setting; choose another")
        if parameter.annotation is parameter.empty:
            raise OwnPartError(f"{part.reference}: expected a type for the parameter {name}, as in {name}: int = 1")
        settings[name] = parameter.annotation, ... if parameter.default is parameter.empty else parameter.default
    return settings


def validated(kind: type[Settings], section: Mapping[str, Any]) -> Settings:
    """Return settings of a part. Raises `OwnSettingsError` where its class of settings does not take them."""
    try:
        return kind.model_validate(section)
    except ValidationError as error:
        raise OwnSettingsError(error, kind.model_json_schema()) from None


def _place(error: Exception, path: str, file: str) -> str:
    """Return the file and the line of it in which an import has failed."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return f"{file}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return f"{file}:{lines[-1]}" if lines else file


def raise_own_fault(error: ValidationError) -> None:
    """Raise the `OwnPartError` that validation has ended with, if it is one."""
    cause = error.errors(include_url=False)[0].get("ctx", {}).get("error")
    if isinstance(cause, OwnPartError):
        raise cause from None


def line_of(error: Exception) -> str:
    """Return an error in one line."""
    text = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"


def _is_defined_in(module: ModuleType, value: Any) -> bool:
    return isinstance(value, type) and value.__module__ == module.__name__

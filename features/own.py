"""Parts of a user's own: classes in Python files beside the configuration."""

import ast
import inspect
import os
import sys
import traceback
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

FORM = "FILE.py:CLASS"
CLASS, VERSION = "class", "version"  # keys of a section; the latter is also an attribute of a class that states it

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
    """

    reference: str
    kind: type
    version: str

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
    code = code_hash(path)
    try:
        module = _imported(path, code)
    except Exception as error:  # noqa: BLE001  # a user's file may raise anything
        raise OwnPartError(f"{_place(error, path, file)}: {line_of(error)}") from None
    kind = getattr(module, name, None)
    if not isinstance(kind, type):
        defined = [own for own, value in vars(module).items() if _is_defined_in(module, value)]
        known = f"known there: {', '.join(defined)}" if defined else "it has none"
        raise OwnPartError(f"{file}: no class {name} in it; {known}")
    stated = vars(kind).get(VERSION)
    return OwnPart(reference, kind, code if stated is None else str(stated))


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


def code_hash(path: Path) -> str:
    """Return a hash of a file and of the local modules that it imports: those that lie beside it or below."""
    hasher = blake2b(digest_size=16)
    for file in local_files(path):
        hasher.update(file.relative_to(path.parent).as_posix().encode() + b"\0")
        hasher.update(blake2b(file.read_bytes(), digest_size=16).digest())
    return hasher.hexdigest()


def local_files(path: Path) -> list[Path]:
    """Return a file and the local modules that it imports, also by way of each other, sorted."""
    found: set[Path] = set()
    left = [path]
    while left:
        if (file := left.pop()) not in found:
            found.add(file)
            left += _local_imports(file, path.parent)
    return sorted(found)


def _local_imports(file: Path, folder: Path) -> list[Path]:
    names: set[str] = set()
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # which is told where it is imported
        return []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = file.parent.relative_to(folder).parts[: 1 - node.level or None] if node.level else ()
            module = ".".join((*above, *filter(None, [node.module])))
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return [path for name in names for path in _files_of(name.split("."), folder)]


def _files_of(parts: list[str], folder: Path) -> list[Path]:
    """Return the files that importing a module runs: it, and the packages that it lies in."""
    files = []
    for count in range(1, len(parts) + 1):
        path = folder.joinpath(*parts[:count])
        files += [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]
    return files


@cache
def _imported(path: Path, code: str) -> ModuleType:
    """Return the module of a file, whose code has that hash; local modules of before are imported again."""
    local = {str(file) for file in local_files(path)}
    for other, loaded in list(sys.modules.items()):
        if getattr(loaded, "__file__", None) in local:
            del sys.modules[other]
    name = f"otogura_own_{path.stem}_{blake2b(os.fsencode(path), digest_size=8).hexdigest()}"
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # behind all others: it hides no package
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _place(error: Exception, path: Path, file: str) -> str:
    """Return the file and the line of it in which an import has failed."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{file}:{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{file}:{lines[-1]}" if lines else file


def line_of(error: Exception) -> str:
    """Return an error in one line."""
    text = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"


def _is_defined_in(module: ModuleType, value: Any) -> bool:
    return isinstance(value, type) and value.__module__ == module.__name__

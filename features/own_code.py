"""Code of parts of users' own: a file and the local modules that it imports, read once.

It is hashed, imported and sent to workers as the bytes that were read, so that an edit of a file changes nothing that
is under way, and a worker needs neither the file nor the same folder.
"""

import ast
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import blake2b
from importlib import import_module
from importlib.abc import ExecutionLoader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import decode_source, module_from_spec, spec_from_file_location
from pathlib import Path
from threading import RLock
from types import CodeType, ModuleType
from typing import Any

PACKAGE = "__init__.py"
_importing = RLock()  # since modules of several parts may have one name


@dataclass(frozen=True)
class PartCode:
    """A file and the local modules that it imports, those that lie beside it or below.

    Attributes
    ----------
    path : str
        Absolute path of the file.
    sources : tuple of (str, bytes)
        Path of each file, relative to the folder of the first, and its content; sorted.
    """

    path: str
    sources: tuple[tuple[str, bytes], ...]

    @classmethod
    def read(cls, path: Path) -> "PartCode":
        """Return the code of a file, each file of it read once. Raises `OSError` if one cannot be read."""
        sources: dict[Path, bytes] = {}
        left = [path]
        while left:
            if (file := left.pop()) not in sources:
                sources[file] = file.read_bytes()
                left += _local_imports(file, sources[file], path.parent)
        named = {file.relative_to(path.parent).as_posix(): source for file, source in sources.items()}
        return cls(str(path), tuple(sorted(named.items())))

    @cached_property
    def digest(self) -> str:
        """Return a hash of all files, 32 hexadecimal digits; it does not depend on the folder that they lie in."""
        hasher = blake2b(digest_size=16)
        for name, source in self.sources:
            hasher.update(name.encode() + b"\0")
            hasher.update(blake2b(source, digest_size=16).digest())
        return hasher.hexdigest()

    @property
    def size_bytes(self) -> int:
        """Return the size of all files in bytes."""
        return sum(len(source) for _, source in self.sources)

    def module(self) -> ModuleType:
        """Return the module of the file, imported once in a process. Raises what its code raises."""
        return _imported(self)


class _SourceLoader(ExecutionLoader):
    """Loader of one module from bytes that are there already."""

    def __init__(self, path: str, source: bytes) -> None:
        self._path, self._source = path, source

    def get_filename(self, fullname: str) -> str:
        return self._path

    def get_source(self, fullname: str) -> str:
        return decode_source(self._source)

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._source, self._path)


class _LocalFinder(MetaPathFinder):
    """Finder of the local modules of one part."""

    def __init__(self, code: PartCode) -> None:
        folder, own = os.path.split(code.path)
        self.specs: dict[str, ModuleSpec] = {}
        for name, source in code.sources:
            *packages, last = name.split("/")
            for depth in range(1, len(packages) + 1):  # a folder is a package, also without a file that says so
                package = ".".join(packages[:depth])
                self.specs.setdefault(package, _spec(package, os.path.join(folder, *packages[:depth], PACKAGE), b""))
            if name == own and _is_elsewhere(own.removesuffix(".py"), folder):
                continue  # those that import this name mean the other one
            module = ".".join(packages if last == PACKAGE else [*packages, last.removesuffix(".py")])
            self.specs[module] = _spec(module, os.path.join(folder, name), source)

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return self.specs.get(fullname)


def _spec(name: str, path: str, source: bytes) -> ModuleSpec:
    loader = _SourceLoader(path, source)
    places: list[str] | None = [] if os.path.basename(path) == PACKAGE else None
    spec = spec_from_file_location(name, path, loader=loader, submodule_search_locations=places)
    assert spec is not None
    return spec


@cache
def _imported(code: PartCode) -> ModuleType:
    finder = _LocalFinder(code)
    place = blake2b(os.fsencode(code.path), digest_size=8).hexdigest()
    name = f"otogura_own_{Path(code.path).stem}_{place}_{code.digest[:8]}"
    (source,) = (source for file, source in code.sources if file == os.path.basename(code.path))
    module = module_from_spec(_spec(name, code.path, source))
    with _first(finder):
        sys.modules[name] = module
        try:
            assert isinstance(module.__loader__, _SourceLoader)
            module.__loader__.exec_module(module)
            for local in finder.specs:  # those that a function imports: later other code may lie there
                with suppress(ImportError):  # which the function raises
                    import_module(local)
        except BaseException:
            del sys.modules[name]
            raise
    return module


@contextmanager
def _first(finder: _LocalFinder) -> Iterator[None]:
    """Have the modules of a finder imported, in place of whatever has their names."""
    with _importing:
        for name in finder.specs:
            sys.modules.pop(name, None)
        sys.meta_path.insert(0, finder)
        try:
            yield
        finally:
            sys.meta_path.remove(finder)


def _local_imports(file: Path, source: bytes, folder: Path) -> list[Path]:
    names: set[str] = set()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # which is told where it is imported
        return []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = file.parent.relative_to(folder).parts[: 1 - node.level or None] if node.level else ()
            module = ".".join((*above, *filter(None, [node.module])))
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return [path for name in sorted(names) for path in _files_of(name.split("."), folder)]


def _files_of(parts: list[str], folder: Path) -> list[Path]:
    """Return the files that importing a module runs: it, and the packages that it lies in; none if it is not local."""
    files = []
    for count in range(1, len(parts) + 1):
        path = folder.joinpath(*parts[:count])
        files += [file for file in (path.with_suffix(".py"), path / PACKAGE) if file.is_file()]
    return files if files and not _is_elsewhere(parts[0], str(folder)) else []


def _is_elsewhere(name: str, folder: str) -> bool:
    """Return True for names of the standard library and of what is installed, which local files do not hide."""
    local = {folder, os.getcwd()}
    places = [place for place in sys.path if os.path.abspath(place) not in local]
    spec = PathFinder.find_spec(name, places)
    # Any folder can be a package without a file that says so, and has no loader then.
    return name in sys.stdlib_module_names or (spec is not None and spec.loader is not None)

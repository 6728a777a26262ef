"""Source files that modules run, found by reading their imports: nothing is executed."""

import ast
import re
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("features", "pipeline", "stores", "training")

# The Snakefile is read often: `ast` gets the import statements alone, in a tenth of the time of whole modules.
_STATEMENT = re.compile(rf"^[ \t]*((?:from|import)[ \t]+(?:{'|'.join(PACKAGES)})\b(?:.*\([^)]*\)|.*))", re.MULTILINE)

_WALK = re.compile(r"pkgutil\.iter_modules\(__path__\)")


def imported_files(
    modules: Iterable[str], *, within: Collection[str] = PACKAGES, without: Collection[str] = ()
) -> list[Path]:
    """Return the files of modules and of all that they import, sorted; absolute paths.

    Imports count wherever they stand, in functions as well, and so do the packages that a module lies in, which Python
    runs before it. A package whose `__init__.py` walks over its own folder, by `pkgutil.iter_modules(__path__)`, counts
    as importing every module below it.

    Parameters
    ----------
    modules : iterable of str
        Dotted names.
    within : collection of str, optional
        Packages that count; imports of others end there.
    without : collection of str, optional
        Modules that are left out, and so is what they alone import.

    Raises
    ------
    ValueError
        If there is no such module.
    """
    files: dict[str, Path] = {}
    left = list(modules)
    while left:
        name = left.pop()
        if name in files or name in without or name.split(".")[0] not in within:
            continue
        if (path := module_path(name)) is None:
            raise ValueError(f"{name}: no such module below {ROOT}")
        files[name] = path
        left += [name.rpartition(".")[0]] if "." in name else []
        left += _imports_of(path)
        left += _modules_below(path) if path.name == "__init__.py" and _WALK.search(path.read_text("utf-8")) else []
    return sorted(files.values())


def module_path(name: str) -> Path | None:
    """Return the file of a module or package of ours, or None if there is no such module."""
    path = ROOT.joinpath(*name.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


def imported_modules(tree: ast.AST) -> set[str]:
    """Return the names of those modules of ours that a syntax tree imports."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {node.module, *(name for name in inner if _is_ours(name) and module_path(name))}
    return {name for name in names if _is_ours(name)}


def _is_ours(name: str) -> bool:
    return name.split(".")[0] in PACKAGES


@cache
def _imports_of(path: Path) -> frozenset[str]:
    text = path.read_text(encoding="utf-8")
    try:
        tree = ast.parse("\n".join(_STATEMENT.findall(text)))
    except SyntaxError:  # a line of prose that begins like one, or a bracket in a comment
        tree = ast.parse(text)
    return frozenset(imported_modules(tree))


def _modules_below(package: Path) -> list[str]:
    """Return the names of all modules below a package, given by its `__init__.py`."""
    paths = (path.relative_to(ROOT).with_suffix("") for path in package.parent.rglob("*.py"))
    return [".".join(path.parts).removesuffix(".__init__") for path in paths]

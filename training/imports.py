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
_WALK = re.compile(r"\biter_modules\(__path__\)")
_BY_NAME = re.compile(r"import_module\(\s*f\"([\w.{}]+)\"")


def imported_files(
    modules: Iterable[str], *, within: Collection[str] = PACKAGES, discovered: bool = True
) -> list[Path]:
    """Return the files of modules and of all that they import, sorted; absolute paths.

    Imports count wherever they stand, in functions as well, and so do the packages that a module lies in, which Python
    runs before it. Modules that are imported by a computed name count as well: of `import_module(f"….{…}.…")` every
    module that fits, each `{…}` standing for one name; of a package whose `__init__.py` walks over its own folder by
    `iter_modules(__path__)`, and has no such call, every module below it.

    Parameters
    ----------
    modules : iterable of str
        Dotted names.
    within : collection of str, optional
        Packages that count; imports of others end there.
    discovered : bool, optional
        If False, modules that are imported by a computed name do not count.

    Raises
    ------
    ValueError
        If there is no such module.
    """
    files: dict[str, Path] = {}
    left = list(modules)
    while left:
        name = left.pop()
        if name in files or name.split(".")[0] not in within:
            continue
        if (path := module_path(name)) is None:
            raise ValueError(f"{name}: no such module below {ROOT}")
        files[name] = path
        left += [name.rpartition(".")[0]] if "." in name else []
        left += _imports_of(path)
        left += discovered_modules(path) if discovered else ()
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


@cache
def discovered_modules(path: Path) -> frozenset[str]:
    """Return the names of those modules of ours that a file imports by computed names."""
    text = path.read_text(encoding="utf-8")
    own_name = _name_of(path)
    patterns = [pattern.replace("{__name__}", own_name) for pattern in _BY_NAME.findall(text)]
    globs = [re.sub(r"\{[^}]*\}", "*", pattern).replace(".", "/") for pattern in patterns if _is_ours(pattern)]
    if path.name == "__init__.py" and _WALK.search(text) and not globs:
        return frozenset(map(_name_of, path.parent.rglob("*.py")))
    return frozenset(
        _name_of(file) for glob in globs for end in (".py", "/__init__.py") for file in ROOT.glob(glob + end)
    )


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


def _name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")

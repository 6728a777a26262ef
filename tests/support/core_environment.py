"""Environments with few packages, linked from the one that the tests run in."""

import sys
import sysconfig
import tomllib
import venv
from functools import cache
from importlib.metadata import Distribution, distribution
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
KEPT: list[TemporaryDirectory[str]] = []  # until the tests end


def core_python() -> Path:
    """The interpreter of an environment with the core dependencies of otogura alone."""
    return python_with(*map(str, core_requirements()))


@cache
def python_with(*requirements: str) -> Path:
    """The interpreter of an environment with these packages, and with what they need."""
    KEPT.append(TemporaryDirectory(prefix="core-"))
    folder = Path(KEPT[-1].name)
    venv.create(folder, symlinks=True)
    packages = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    for name in sorted(closure([Requirement(line) for line in requirements])):
        found = distribution(name)
        for top in sorted({file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}):
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(found.locate_file(top))))
    (packages / "otogura.pth").write_text(f"{ROOT}\n")  # as an editable installation has it
    installed = Path(sysconfig.get_path("purelib"))
    for metadata in installed.glob("otogura-*.dist-info"):
        (packages / metadata.name).symlink_to(metadata)
    return folder / "bin" / "python"


def core_requirements() -> list[Requirement]:
    """The dependencies that pyproject.toml declares, without its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [Requirement(line) for line in project["dependencies"]]


def closure(requirements: list[Requirement]) -> set[str]:
    """Names of the distributions that pip installs for these requirements, as far as they are installed here."""
    names: set[str] = set()
    seen: set[tuple[str, str]] = set()
    waiting = [(requirement, extra) for requirement in requirements for extra in ("", *requirement.extras)]
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        names.add(name)
        found: Distribution = distribution(name)
        for line in found.requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(needed, more) for more in ("", *needed.extras)]
    return names

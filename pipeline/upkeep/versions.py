"""Versions of parts of users' own, told apart in words."""

from pathlib import Path

from features.own import OwnPartError, own_part

SHOWN = 8  # digits of a version


def edit_between(reference: str, before: str, after: str) -> str:
    """Return in words that a part has changed between two versions, and what of it, as far as its file of now tells.

    `reference` is that of a class, or the path of a model in ONNX.
    """
    changed = _candidates(reference) if ".py:" in reference else reference
    return f"{changed} has changed (version {before[:SHOWN]} → {after[:SHOWN]})"


def _candidates(reference: str) -> str:
    """Return the part and the modules that it imports: a version is one of all of them."""
    try:
        code = own_part(reference).code
    except OwnPartError:  # the file of now may be another
        return f"{reference} or a module that it imports"
    modules = ", ".join(name for name, _ in code.sources if name != Path(code.path).name)
    return f"{reference} or a module that it imports ({modules})" if modules else reference

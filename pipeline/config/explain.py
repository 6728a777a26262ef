"""Explanation of a mistake in a configuration in one line: the field, what was expected, the value, what to do."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from features.own import OwnPartError, OwnSettingsError

UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


def explain(error: ValidationError, schema: dict[str, Any]) -> str:
    """Return the first fault that pydantic found, in the words of the JSON schema's keys."""
    # A misspelt key also goes missing under its right name: the misspelling is the better thing to say.
    first = min(error.errors(include_url=False), key=lambda found: found["type"] not in UNKNOWN)
    if first["type"] in UNKNOWN:
        *above, misspelt = first["loc"]
        written, section = _follow(schema, above)
        known = sorted(_resolve(schema, section).get("properties", {}))
        close = get_close_matches(str(misspelt), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
        return f"{'.'.join([*written, str(misspelt)])}: unknown key; {hint}"
    field = ".".join(_follow(schema, first["loc"])[0])
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, OwnSettingsError):
        return f"{field}.{explain(cause.error, cause.schema)}"
    if isinstance(cause, OwnPartError):
        return f"{field}.{cause}"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"{field}: expected a value, got none; add this key"
    if not field:
        return message
    return f"{field}: {message[0].lower()}{message[1:]}, got {first['input']!r}; see docs/configuration.md"


def _follow(schema: dict[str, Any], location: Sequence[int | str]) -> tuple[list[str], dict[str, Any]]:
    """Return those parts of a location that the user wrote, and the schema of what stands there.

    Pydantic also names the chosen kind of a section, and which of several types it tried.
    """
    written: list[str] = []
    node = schema
    for part in location:
        node = _resolve(schema, node)
        if part in (kinds := node.get("discriminator", {}).get("mapping", {})):
            node = {"$ref": kinds[part]}
            continue
        inside = node.get("properties", {}).get(part) or node.get("additionalProperties")
        if isinstance(part, int) or isinstance(inside, dict):  # of a list or of a section
            written.append(str(part))
            node = inside if isinstance(inside, dict) else {}
    return written, node


def _resolve(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Follow references, and of alternatives take the only section."""
    while True:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        elif sections := [option for option in node.get("anyOf", []) if "$ref" in option or "discriminator" in option]:
            node = sections[0]
        else:
            return node

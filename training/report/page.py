"""Pages that open without a network: style, script and figures are inside them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup

from stores.files import write_bytes

NOTHING = Markup("")


class KeyFigure(NamedTuple):
    """Number at the head of a page, and how sure it is or what it is of."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Panel:
    """Heading with plots, other content, or a table that sorts by the column that is clicked on."""

    title: str
    note: str = ""
    plots: Sequence[Markup] = ()
    body: Markup = NOTHING
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()


def link(text: str, address: str) -> Markup:
    """Return a table cell that leads to an address."""
    return Markup('<a href="{}">{}</a>').format(address, text)


def write_page(path: Path, title: str, subtitle: str, figures: Sequence[KeyFigure], sections: Sequence[Panel]) -> None:
    """Write a page of key figures and sections."""
    write_bytes(path, render("page", title=title, subtitle=subtitle, figures=figures, sections=sections).encode())


def render(template: str, **values: Any) -> Markup:
    """Return a template of this folder, by its name, with these values; all that is no Markup is escaped."""
    return Markup(_templates().get_template(f"{template}.html.jinja").render(**values))  # escaped there


def embedded(value: Any) -> Markup:
    """Return a value as JSON that may stand in a script element."""
    return Markup(json.dumps(value, separators=(",", ":")).replace("<", "\\u003c"))  # nothing ends it


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["zip"] = zip
    return environment

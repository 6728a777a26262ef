"""Reference of the routes as one page, from their OpenAPI description; it loads nothing from elsewhere."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

STYLE = Path(__file__).with_name("reference.css")


def reference_page(schema: dict[str, Any]) -> str:
    """Return the page for an OpenAPI schema."""
    loader = PackageLoader("pipeline.serve.reference", ".")
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True)
    return environment.get_template("reference.jinja").render(schema=schema)

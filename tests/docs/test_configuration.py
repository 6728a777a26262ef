"""The page on the configuration says what the schema says."""

import runpy
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generator() -> dict[str, Any]:
    """The module that writes the page."""
    return runpy.run_path(str(FOLDER / "configuration.py"))


def test_the_page_is_what_the_schema_says(generator: dict[str, Any]) -> None:
    committed = (FOLDER / "configuration.md").read_text(encoding="utf-8")
    assert generator["page"]() == committed, "the schema has changed: python docs/configuration.py writes the page"


def test_every_key_has_a_description(generator: dict[str, Any]) -> None:
    assert generator["missing"]() == []


def test_every_section_has_a_row_for_each_key(generator: dict[str, Any]) -> None:
    page = generator["page"]()
    assert "| `clips_per_shard` | integer > 0 | `64` | Clips in one file of a store. |" in page
    assert "| `snr_db` | [number, number] | `[15.0, 30.0]` | Ratio of the clip's mean power" in page
    assert "| `{source: json}` | `cnn1d_attention` | `waveform` |" in page

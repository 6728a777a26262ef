"""Files of the page, read without a browser."""

import re
from pathlib import Path

import pytest

from pipeline.serve.page_files import PAGE

LARGEST_BYTES = 12 * 1024
INDEX = (PAGE / "index.html").read_text(encoding="utf-8")
MODULES = sorted(PAGE.glob("*.js"))


@pytest.mark.parametrize("path", sorted(PAGE.iterdir()), ids=lambda path: path.name)
def test_a_file_is_short_and_names_no_other_server(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert len(text.encode()) <= LARGEST_BYTES
    assert "//" not in re.sub(r"^ *//.*$|(?<=[;,)\]}\"{]) //.*$", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_finds_what_it_names(path: Path) -> None:
    code = path.read_text(encoding="utf-8")
    for name in re.findall(r'from "\./([\w-]+\.js)"|addModule\("([\w-]+\.js)"\)', code):
        assert (PAGE / "".join(name)).is_file()
    for name in re.findall(r'byId\("([\w-]+)"\)', code):
        assert f'id="{name}"' in INDEX


def test_nothing_in_the_page_is_against_its_policy() -> None:
    assert not re.search(r'<style|\bstyle="|\bon\w+="|<script(?![^>]* src=)', INDEX)

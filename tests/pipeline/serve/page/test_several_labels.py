"""The page in a browser, with a model that answers several labels."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browsing import WAIT_MS, noise_file, opened, sound_file
from service import service, write_model

sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install 'otogura[browser]'")
expect = sync_api.expect
expect.set_options(timeout=WAIT_MS)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module", params=[(0.0, 1.0, 0.0), (1.0, 1.0, 1.0)], ids=["two", "none"])
def thresholds(request: pytest.FixtureRequest) -> tuple[float, ...]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, thresholds: tuple[float, ...]) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("several")
    with service(write_model(folder / "several", thresholds=thresholds), folder=folder) as running:
        yield f"http://127.0.0.1:{running.port}/"


@pytest.fixture
def page(browser: "Browser", address: str) -> "Iterator[Page]":
    with opened(browser, address) as page:
        page.goto(address)
        expect(page.get_by_role("button", name="Choose files")).to_be_enabled()
        yield page


def test_it_shows_the_labels_with_the_thresholds_that_they_are_answered_from(
    page: "Page", thresholds: tuple[float, ...], tmp_path: Path
) -> None:
    expect(page.locator("#model-facts")).to_contain_text("3 labels")
    expect(page.locator("#model-facts")).to_contain_text("test mAP 0.875")
    page.set_input_files("#files", [sound_file(tmp_path / "tone.wav"), noise_file(tmp_path / "long.wav")])
    text = "a, c" if thresholds[0] == 0 else "none of the labels"
    expect(page.locator(".verdict")).to_have_text(text)
    expect(page.locator("#answer .bars li.own")).to_have_count(2 if thresholds[0] == 0 else 0)
    expect(page.locator("#answer .bars b")).to_have_count(3)
    expect(page.locator("#answer .meter")).to_have_count(0)
    expect(page.locator("#answer")).to_contain_text("they do not add up to 1")
    expect(page.locator("#recordings tbody td:nth-child(2)")).to_have_text([text, text])
    expect(page.get_by_role("status")).to_contain_text(text)

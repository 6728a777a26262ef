from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browsing import launched
from service import service, write_model

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """The browser, which ends with the module: its event loop would be in the way of other tests."""
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def url(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a service of three models: two, and one that is never sure."""
    folder = tmp_path_factory.mktemp("page")
    doubtful = write_model(folder / "doubtful", not_sure_limit=0.999)
    with service(models / "first", models / "second", doubtful, folder=folder) as running:
        yield f"http://127.0.0.1:{running.port}/"

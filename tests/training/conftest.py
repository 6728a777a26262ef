import pytest
from stores_of import small_store

from stores import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """18 clips of three classes, six variants."""
    return small_store(tmp_path_factory.mktemp("store"))

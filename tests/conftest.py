import pytest

from features.recipe import Recipe


@pytest.fixture
def recipe() -> Recipe:
    """The full definition on few frames."""
    return Recipe(frames=24)

import pytest
from hypothesis import settings

from features.recipe import Recipe

# The same examples in every run, however long one takes on a machine that does other work as well.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


@pytest.fixture
def recipe() -> Recipe:
    """The full definition on few frames."""
    return Recipe(frames=24)

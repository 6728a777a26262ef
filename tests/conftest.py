import pytest
from hypothesis import Phase, settings

from features.tensors.four_channel import Recipe

# The same examples in every run, however long one takes on a machine that does other work as well.
settings.register_profile("steady", deadline=None, derandomize=True)
# A failure is enough to know that a change was noticed: the smallest example of it takes long, and it is not hidden.
settings.register_profile(
    "mutants", settings.get_profile("steady"), phases=(Phase.explicit, Phase.generate), max_examples=25
)
settings.load_profile("steady")


@pytest.fixture
def recipe() -> Recipe:
    """The full definition on few frames."""
    return Recipe(frames=24)

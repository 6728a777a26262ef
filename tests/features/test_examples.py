"""Examples in docstrings."""

import doctest
from types import ModuleType

import pytest

from features import recipe
from features.augmentations import base


@pytest.mark.parametrize("module", [base, recipe])
def test_examples_run(module: ModuleType) -> None:
    failed, attempted = doctest.testmod(module)
    assert attempted
    assert not failed

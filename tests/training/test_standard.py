"""Mean and standard deviation of training clips, as their tensors have them."""

import numpy as np
import pytest
from corpora import RATE_HZ
from stores_of import small_store

from features.augmentations import Variants
from features.tensors.log_mel import LogMelRecipe
from stores import Store
from training.standard import fitted_standard

WITHOUT_STRETCH = Variants(pitch=None, stretch=None)
RECIPE = LogMelRecipe(sample_rate_hz=RATE_HZ, frames=20, n_mels=16, dtype="float32", variants=WITHOUT_STRETCH)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return small_store(tmp_path_factory.mktemp("log-mel"), recipe=RECIPE)


@pytest.mark.parametrize("variants", [("original",), ("original", "noise")])
def test_they_are_those_of_the_tensors(store: Store, variants: tuple[str, ...]) -> None:
    """A store of clips that fill their tensors."""
    rows = np.array([0, 5, 7])
    tensors = np.stack([store.clip(row, variant) for row in rows for variant in variants])
    found = fitted_standard(store, rows, variants)
    assert found.mean == pytest.approx(tensors.mean(dtype=np.float64), abs=1e-4)
    assert found.sd == pytest.approx(tensors.std(dtype=np.float64), abs=1e-4)


def test_they_change_with_the_clips(store: Store) -> None:
    assert fitted_standard(store, np.array([0, 1]), ("original",)) != fitted_standard(
        store, np.array([0, 2]), ("original",)
    )

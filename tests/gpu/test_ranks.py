"""Two processes train on one GPU, by gloo: NCCL refuses two on one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ranked import RankGroup, trained
from stores_of import small_store

from training.ranks import ALONE

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")


def test_two_ranks_on_one_gpu_train_as_one(tmp_path: Path) -> None:
    family = small_store(tmp_path).path
    options: dict[str, Any] = {"device": "cuda", "sync_batchnorm": True, "augment": {"mixup": 0.4}, "average": 0.5}
    alone = trained(ALONE, tmp_path / "alone", family, **options)
    with RankGroup(2, "cuda") as pair:
        ranks = pair(trained, tmp_path / "pair", family, **options)
    for rank in ranks:
        assert rank["losses"] == pytest.approx(alone["losses"], rel=5e-3)  # convolutions keep 10 bits there
    for name, value in ranks[0]["weights"].items():
        np.testing.assert_array_equal(value, ranks[1]["weights"][name], err_msg=name)
    assert sorted(ranks[0]["given"] + ranks[1]["given"]) == sorted(alone["given"])

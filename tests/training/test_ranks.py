"""Two processes that train together do what one does with the same batch, to rounding."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ranked import RankGroup, drawn, normalised, predicted, trained
from torch import nn

from stores import Store
from training.checkpoints import Checkpoints
from training.models.resnet_attention.settings import ResNetAttentionModel
from training.ranks import ALONE
from training.settings import Training

EXACT: dict[str, Any] = {
    "sync_batchnorm": True,
    "weights": [0.5, 1.0, 1.5],
    "average": 0.5,
    "accumulate": 3,  # of four batches
    "gradient_clip": 0.05,
    "augment": {"mixup": 0.4},
    "label_smoothing": 0.1,
}
ROUNDING = 2e-6


@pytest.fixture(scope="module")
def pair() -> Iterator[RankGroup]:
    with RankGroup(2) as group:
        yield group


@pytest.fixture(scope="module")
def family(store: Store) -> Path:
    return store.path


def assert_close(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert [row.keys() for row in ours["history"]] == [row.keys() for row in theirs["history"]]
    for one, other in zip(ours["history"], theirs["history"], strict=True):
        assert one == pytest.approx(other, rel=ROUNDING)
    for name, value in theirs["weights"].items():
        np.testing.assert_allclose(ours["weights"][name], value, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("options", [{}, {"clips": 5, "variants": 1}], ids=["whole batches", "fewer clips than one"])
def test_two_ranks_train_as_one(pair: RankGroup, family: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    alone = trained(ALONE, tmp_path / "alone", family, **EXACT, **options)
    first, second = pair(trained, tmp_path / "pair", family, **EXACT, **options)
    assert len(alone["losses"]) == (8 if not options else 2)
    for rank in (first, second):
        assert rank["losses"] == pytest.approx(alone["losses"], rel=ROUNDING)
        assert_close(rank, alone)
    assert sorted(first["given"] + second["given"]) == sorted(alone["given"])
    assert len({*first["given"], *second["given"]}) == (24 if not options else 5)  # each item, once in each of 2 epochs
    np.testing.assert_array_equal(first["predictions"].rows, alone["predictions"].rows)
    np.testing.assert_allclose(first["predictions"].logits, alone["predictions"].logits, atol=1e-5)
    for name, value in first["weights"].items():
        np.testing.assert_array_equal(value, second["weights"][name], err_msg=name)


def test_ranks_change_in_the_middle_of_an_epoch(pair: RankGroup, family: Path, tmp_path: Path) -> None:
    options = EXACT | {"accumulate": 1, "epochs": 1}
    whole = trained(ALONE, tmp_path / "whole", family, **options)
    parts: list[dict[str, Any]] = []
    parts += [pair(trained, tmp_path / "parts", family, until=0.0, **options)]
    parts += [[trained(ALONE, tmp_path / "parts", family, until=0.0, **options)]]
    parts += [pair(trained, tmp_path / "parts", family, **options)]
    assert [len(part[0]["losses"]) for part in parts] == [1, 1, 2]
    assert "epoch 1 of 1, after 2 batches" in parts[1][0]["stopped"]
    losses = [loss for part in parts for loss in part[0]["losses"]]
    assert losses == pytest.approx(whole["losses"], rel=ROUNDING)
    assert sorted(item for part in parts for rank in part for item in rank["given"]) == sorted(whole["given"])
    assert_close(parts[-1][0], whole)


@pytest.mark.parametrize("settings", [{"sync_batchnorm": False}, EXACT])
def test_two_ranks_that_were_stopped_end_as_two_that_were_not(
    pair: RankGroup, family: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    """Bit for bit, and also with dropout, which each rank draws for itself."""
    options = settings | {"dropout": 0.4, "epochs": 1, "accumulate": 1}
    whole = pair(trained, tmp_path / "whole", family, **options)[0]
    stopped = pair(trained, tmp_path / "parts", family, signal_after=2, **options)
    assert [(rank["stopped"], len(rank["losses"])) for rank in stopped] == [("143", 2)] * 2
    saved = Checkpoints(tmp_path / "parts" / "checkpoints", Training()).load()
    assert saved is not None
    assert saved.stream == {"epoch": 0, "seen": 12}
    resumed = pair(trained, tmp_path / "parts", family, **options)
    assert resumed[0]["history"] == whole["history"]
    for rank in resumed:  # whose batch norms have counted different clips
        for name, value in whole["weights"].items():
            np.testing.assert_array_equal(rank["weights"][name], value, err_msg=name)


def test_a_rank_may_have_no_clip_to_validate(pair: RankGroup, family: Path, tmp_path: Path) -> None:
    model = ResNetAttentionModel(width=0.125, blocks=(1, 1, 1), attention_blocks=1)
    options: dict[str, Any] = {"validated": 2, "epochs": 1, "model": model}
    first, second = pair(trained, tmp_path / "pair", family, **options)
    assert first["history"] == second["history"]
    assert first["predictions"].rows.tolist() == [12, 13]
    logits = torch.from_numpy(first["predictions"].logits)
    loss = nn.functional.cross_entropy(logits, torch.from_numpy(first["predictions"].labels))
    assert first["history"][0]["validation_loss"] == pytest.approx(float(loss), rel=1e-5)


def test_what_one_has_trained_several_do_not_train_again(pair: RankGroup, family: Path, tmp_path: Path) -> None:
    alone = trained(ALONE, tmp_path, family, epochs=1)
    ranks = pair(trained, tmp_path, family, epochs=1, devices=2, nodes=1)
    assert [rank["losses"] for rank in ranks] == [[], []]
    assert [rank["history"] for rank in ranks] == [alone["history"]] * 2


def test_a_loss_that_is_not_finite_names_the_clips_of_all_ranks(pair: RankGroup, family: Path, tmp_path: Path) -> None:
    options = {"learning_rate": 1e30, "sync_batchnorm": True}
    alone = trained(ALONE, tmp_path / "alone", family, **options)
    ranks = pair(trained, tmp_path / "pair", family, **options)
    assert "not finite in epoch 1" in alone["stopped"]
    assert ranks[0]["stopped"] == alone["stopped"]


@pytest.mark.parametrize("clips", [1, 2, 3, 4, 7, 8])
def test_predictions_of_all_ranks_are_those_of_one(pair: RankGroup, family: Path, clips: int) -> None:
    alone = predicted(ALONE, family, clips)
    first, second = pair(predicted, family, clips)
    assert len(alone.rows) == clips
    np.testing.assert_array_equal(first.rows, alone.rows)
    np.testing.assert_array_equal(first.labels, alone.labels)
    np.testing.assert_allclose(first.logits, alone.logits, rtol=1e-6)
    assert len(second.rows) == sum(place // 2 % 2 for place in range(clips))  # its own


@pytest.mark.parametrize(
    ("norm", "shape"),
    [
        (nn.BatchNorm2d(3), (5, 3, 4, 2)),
        (nn.BatchNorm1d(3, eps=0.1), (5, 3, 4)),
        (nn.BatchNorm1d(3, affine=False, momentum=None), (5, 3)),
    ],
    ids=["of images", "of sequences", "without weights"],
)
def test_a_synchronised_norm_is_one_of_the_whole_batch(pair: RankGroup, norm: nn.Module, shape: Any) -> None:
    generator = torch.Generator().manual_seed(1)
    values = 3 + 2 * torch.randn(shape, generator=generator)
    parts = list(values.split([2, 3]))  # one rank has more
    ranks = pair(normalised, norm, parts)
    values.requires_grad_()
    output = norm(values)
    output.pow(3).sum().backward()
    torch.testing.assert_close(torch.cat([rank[0] for rank in ranks]), output.detach())
    torch.testing.assert_close(torch.cat([rank[1] for rank in ranks]), values.grad)
    for rank in ranks:
        torch.testing.assert_close(rank[2], {f"0.{name}": value for name, value in norm.state_dict().items()})


def test_ranks_draw_apart_and_again(pair: RankGroup) -> None:
    first, second = pair(drawn)
    assert first != second
    assert pair(drawn) == [first, second]

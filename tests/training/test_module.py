"""The Lightning module by itself: its loss of mixed clips, and the random states that it saves."""

import pytest
import torch
import torch.nn.functional as F

from training.module import Classifier, random_states, set_random_states
from training.settings import Training


def test_a_checkpoint_of_more_gpus_goes_on_where_there_are_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine of four GPUs, and then on one that has the first alone."""
    gpus = {index: torch.full((16,), index, dtype=torch.uint8) for index in range(4)}
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: gpus[device.index].clone())
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: gpus[device.index].copy_(state))
    saved = random_states(torch.device("cuda", 3))
    expected = torch.rand(3)
    for index in (1, 2, 3):
        del gpus[index]
    set_random_states(saved, torch.device("cuda", 0))
    assert gpus[0].tolist() == [3] * 16
    assert torch.equal(torch.rand(3), expected)
    set_random_states(saved, torch.device("cpu"))
    assert torch.equal(torch.rand(3), expected)
    set_random_states({"cpu": saved["cpu"]}, torch.device("cuda", 0))
    assert torch.equal(torch.rand(3), expected)
    assert gpus[0].tolist() == [3] * 16


def test_a_mixture_is_learned_as_both_of_its_classes() -> None:
    module = Classifier(torch.nn.Linear(3, 4), Training(label_smoothing=0.1))
    features, label, share = torch.randn(6, 3), torch.tensor([0, 1, 2, 3, 0, 1]), torch.rand(6)
    losses = [
        F.cross_entropy(module(features), part, reduction="none", label_smoothing=0.1)
        for part in (label, torch.tensor([1, 2, 3, 0, 1, 0]))
    ]
    expected = (share * losses[0] + (1 - share) * losses[1]).mean()
    torch.testing.assert_close(module._step("train", features, label, share), expected)
    plain = F.cross_entropy(module(features), label)
    torch.testing.assert_close(module._step("validation", features, label), plain)  # which smooths nothing

"""The learner by itself: its optimiser, the loss of mixed clips, the average, and one state that holds it all."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from training.learner import Learner
from training.optimizer import AdamW
from training.settings import Augment, Training


def learner(network: nn.Module, class_weights: list[float] | None = None, **options: Any) -> Learner:
    return Learner(network, Training(**({"device": "cpu", "precision": "float32"} | options)), class_weights)


def test_the_optimiser_has_the_settings_of_the_run() -> None:
    """It changes weights as torch's class does, bit for bit, also after it was saved."""
    torch.manual_seed(0)
    ours = learner(nn.Linear(3, 2), learning_rate=0.03, weight_decay=0.07, schedule="constant", gradient_clip=1e9)
    theirs = copy.deepcopy(ours.network)
    oracle = torch.optim.AdamW(theirs.parameters(), 0.03, betas=(0.9, 0.999), eps=1e-7, weight_decay=0.07)
    for number in range(4):
        for network in (ours.network, theirs):
            torch.manual_seed(number)
            network.weight.grad = torch.randn(2, 3)  # type: ignore[assignment]
            network.bias.grad = torch.randn(2) if number else None  # type: ignore[assignment]
        ours.step()
        oracle.step()
        state = copy.deepcopy(ours.optimizer.state_dict())
        ours.optimizer = AdamW(ours.network.parameters(), 0.03, 0.07)
        ours.optimizer.load_state_dict(state)
        for weight, expected in zip(ours.network.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(weight, expected)
            assert weight.grad is None


def test_a_mixture_is_learned_as_both_of_its_classes() -> None:
    ours = learner(nn.Linear(3, 4), label_smoothing=0.1)
    features, label, share = torch.randn(6, 3), torch.tensor([0, 1, 2, 3, 0, 1]), torch.rand(6)
    logits = ours.network(features)
    losses = [
        F.cross_entropy(logits, part, reduction="none", label_smoothing=0.1)
        for part in (label, torch.tensor([1, 2, 3, 0, 1, 0]))
    ]
    expected = (share * losses[0] + (1 - share) * losses[1]).mean()
    torch.testing.assert_close(ours.loss("train", logits, label, share), expected)
    plain = F.cross_entropy(logits, label)
    torch.testing.assert_close(ours.loss("validation", logits, label), plain)  # which smooths nothing


def test_losses_of_epochs_do_not_depend_on_their_batches() -> None:
    torch.manual_seed(0)
    weights, network = torch.tensor([0.6, 3.0]), nn.Linear(3, 2)
    features, label = torch.randn(12, 3), torch.tensor([0, 0, 0, 0, 0, 1] * 2)
    logits = network(features)
    expected = F.cross_entropy(logits, label, weights)  # whose divisor is 12 for these clips
    for parts in ((slice(0, 12),), (slice(0, 5), slice(5, 12))):
        ours = learner(network, weights.tolist())
        for part in parts:
            ours.loss("train", logits[part], label[part])
        assert ours.mean("train", "loss") == pytest.approx(expected.item())
        right = sum(int(row.argmax()) == int(own) for row, own in zip(logits, label, strict=True))
        assert right != 6  # which are as many as the wrong ones
        assert ours.mean("train", "accuracy") == pytest.approx(right / 12)


def test_a_batch_is_a_step_of_its_own_unless_there_are_more() -> None:
    network, batch = nn.Linear(3, 2), {"features": torch.randn(4, 3), "label": torch.tensor([0, 1, 1, 0])}
    gradients = []
    for addends in ((), (1,), (2, 2)):
        ours = learner(copy.deepcopy(network))
        for number in addends:
            ours.learn(batch, number)
        if not addends:
            ours.learn(batch)
        gradients.append([weight.grad for weight in ours.network.parameters()])
    torch.testing.assert_close(gradients[1:], [gradients[0]] * 2)


def test_the_average_has_the_buffers_of_batch_norm_as_well() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    ours = learner(network, average=0.9)
    expected = None
    for value in (1.0, 2.0, 4.0):
        with torch.no_grad():
            network[0].weight.fill_(value)
            network[1].running_mean.fill_(10 * value)
        ours.step()  # without gradients, which moves no weight
        expected = value if expected is None else 0.9 * expected + 0.1 * value
    kept = ours.kept_network
    assert torch.allclose(kept[0].weight, torch.full((3, 3), expected))  # type: ignore[index]
    assert torch.allclose(kept[1].running_mean, torch.full((3,), 10 * expected))  # type: ignore[index, operator]
    assert learner(network).kept_network is network


def batches(count: int) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(7)
    return [
        {
            "features": torch.randn(4, 6, generator=generator),
            "label": torch.randint(0, 3, (4,), generator=generator),
            "key": torch.randint(0, 2**62, (4,), generator=generator),
        }
        for _ in range(count)
    ]


def fresh_network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))


def copied(value: Any) -> Any:
    """Return a copy of a state, as a file is one."""
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {name: copied(part) for name, part in value.items()}
    return [copied(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_learner_goes_on_from_its_state_after_any_step(precision: str) -> None:
    """Dropout, batch norm, moving average, mixtures, schedule and loss scale: all weights and scores are the same."""
    options: dict[str, Any] = {"average": 0.9, "augment": Augment(mixup=0.4), "epochs": 4, "precision": precision}
    whole, sequence = learner(fresh_network(), **options), batches(6)
    states = []
    for batch in sequence:
        whole.learn(batch)
        whole.step()
        states.append(copied(whole.state_dict()))
    whole.validate(sequence[0])
    epoch = whole.end_epoch()
    for done, state in enumerate(states, start=1):
        resumed = learner(fresh_network(), **options)
        resumed.load_state_dict(state)
        assert resumed.batches == done
        for batch in sequence[done:]:
            resumed.learn(batch)
            resumed.step()
        resumed.validate(sequence[0])
        assert resumed.end_epoch() == epoch
        for ours, theirs in ((resumed.network, whole.network), (resumed.kept_network, whole.kept_network)):
            for name, value in theirs.state_dict().items():
                assert torch.equal(ours.state_dict()[name], value), name

"""The learning rate by its definition, and a plateau factor that nothing undoes."""

import itertools
import math

import pytest
import torch

from training.schedule import Schedule, cosine_factor, decay_factor


def published(epoch: int) -> float:
    if epoch < 15:
        return (epoch + 1) / 15
    if epoch < 60:
        return 0.96 ** (epoch - 14)
    return 0.96 ** (59 - 14) * 0.5 * (1 + math.cos(math.pi * (epoch - 59) / 61))


@pytest.mark.parametrize("epoch", range(120))
def test_120_epochs_are_the_published_function(epoch: int) -> None:
    assert decay_factor(epoch, 120) == pytest.approx(published(epoch), rel=1e-12)


@pytest.mark.parametrize("epochs", [1, 2, 3, 8, 24, 60, 120, 1000])
def test_other_lengths_keep_the_shape(epochs: int) -> None:
    factors = [decay_factor(epoch, epochs) for epoch in range(epochs)]
    top = factors.index(max(factors))
    assert max(factors) == 1
    assert all(0 < factor <= 1 for factor in factors)
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)


@pytest.mark.parametrize("epochs", [120, 240, 1000])
def test_no_jump(epochs: int) -> None:
    factors = [decay_factor(epoch, epochs) for epoch in range(epochs)]
    assert max(abs(b - a) for a, b in itertools.pairwise(factors)) <= 1 / 15 + 1e-9


@pytest.mark.parametrize(
    ("epochs", "warm", "joint"), [(120, 15, 60), (240, 30, 120), (40, 5, 20), (8, 1, 4), (3, 1, 2), (2, 1, 2)]
)
def test_the_joints_scale_with_the_length(epochs: int, warm: int, joint: int) -> None:
    factors = [decay_factor(epoch, epochs) for epoch in range(epochs)]
    assert factors[:warm] == pytest.approx([(epoch + 1) / warm for epoch in range(warm)])
    assert factors[warm:joint] == pytest.approx([0.96 ** (epoch - warm + 1) for epoch in range(warm, joint)])
    last = 0.96 ** (joint - warm)
    cosine = [last * 0.5 * (1 + math.cos(math.pi * (n + 1) / (epochs - joint + 1))) for n in range(epochs - joint)]
    assert factors[joint:] == pytest.approx(cosine)


def schedule(epochs: int = 120) -> tuple[torch.optim.Optimizer, Schedule]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    return optimizer, Schedule(optimizer, epochs)


def test_the_rate_is_base_times_factor() -> None:
    optimizer, steps = schedule()
    for epoch in range(120):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0.5 * published(epoch))
        steps.step(1 / (epoch + 1))


def test_a_plateau_halves_and_stays_halved() -> None:
    optimizer, steps = schedule()
    steps.step(1.0)
    for _ in range(10):
        steps.step(1.0)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.5 * published(11) / 2)
    steps.step(0.5)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.5 * published(12) / 2)


def test_each_plateau_is_counted_anew() -> None:
    """Ten epochs without a better loss halve the rate, and so do the next ten; a better one begins anew."""
    optimizer, steps = schedule(1000)
    halvings = []
    losses = [1.0, *[1.0] * 25, 0.5, *[0.5] * 9, 0.4, *[0.4] * 10]
    before = 1.0
    for epoch, loss in enumerate(losses):
        steps.step(loss)
        factor = optimizer.param_groups[0]["lr"] / (0.5 * decay_factor(epoch + 1, 1000))
        if factor != pytest.approx(before):
            assert factor == pytest.approx(before / 2)
            halvings.append(epoch)
            before = factor
    assert halvings == [10, 20, len(losses) - 1]


def test_losses_that_never_were_finite_are_a_plateau() -> None:
    optimizer, steps = schedule()
    for _ in range(9):
        steps.step(math.inf)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.5 * published(9))
    steps.step(math.inf)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.5 * published(10) / 2)


def test_its_state_goes_on_where_it_was() -> None:
    _, first = schedule()
    for epoch in range(30):
        first.step(1.0 if epoch > 3 else 5.0 - epoch)
    optimizer, second = schedule()
    second.load_state_dict(first.state_dict())
    assert optimizer.param_groups[0]["lr"] == first.optimizer.param_groups[0]["lr"]
    for steps in (first, second):
        for _ in range(15):
            steps.step(1.0)
    assert optimizer.param_groups[0]["lr"] == first.optimizer.param_groups[0]["lr"]


def test_a_cosine_falls_to_a_hundredth() -> None:
    factors = [cosine_factor(epoch, 50) for epoch in range(50)]
    assert (factors[0], factors[-1]) == (1.0, pytest.approx(0.01))
    assert factors == sorted(factors, reverse=True)
    assert cosine_factor(0, 1) == 1.0
    assert [cosine_factor(epoch, 2) for epoch in range(2)] == [1.0, pytest.approx(0.01)]


def test_a_constant_rate_needs_no_validation() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = Schedule(optimizer, 50, "constant")
    for _ in range(50):
        schedule.step(None)
        assert optimizer.param_groups[0]["lr"] == 0.5


def test_plateaus_do_not_touch_a_cosine() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = Schedule(optimizer, 50, "cosine")
    for epoch in range(30):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(cosine_factor(epoch, 50))
        schedule.step(1.0)

"""The linear probe is multinomial logistic regression on standardised means over time."""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from training.models.linear_probe.network import LinearProbe
from training.models.linear_probe.settings import LinearProbeModel

CLIPS, ROWS, FRAMES, CLASSES = 60, 5, 7, 3


def clips() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    labels = np.arange(CLIPS) % CLASSES
    values = rng.normal(10, 3, (CLIPS, 1, ROWS, FRAMES)) + 2 * np.eye(ROWS)[labels][:, None, :, None]
    return torch.from_numpy(values).float(), torch.from_numpy(labels)


def test_its_optimum_is_that_of_scikit_learn() -> None:
    values, labels = clips()
    network = LinearProbe(LinearProbeModel(), CLASSES, (ROWS, FRAMES)).train()
    network(values)  # all clips at once: from now on it standardises by them
    network.eval()
    optimiser = torch.optim.LBFGS(network.parameters(), max_iter=500, line_search_fn="strong_wolfe")
    c = 0.1

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = (
            CLIPS * c * nn.functional.cross_entropy(network(values), labels) + network.head.weight.square().sum() / 2
        )
        value.backward()
        return value

    optimiser.step(loss)
    means = values.mean(dim=(1, 3)).double().numpy()
    means = (means - means.mean(axis=0)) / means.std(axis=0, ddof=1)
    oracle = LogisticRegression(C=c, max_iter=1000, tol=1e-8).fit(means, labels.numpy())
    with torch.no_grad():
        probabilities = network(values).softmax(dim=1).numpy()
    np.testing.assert_allclose(probabilities, oracle.predict_proba(means), atol=1e-4)


def test_it_begins_undecided_whatever_the_seed() -> None:
    network = LinearProbe(LinearProbeModel(), CLASSES, (ROWS, FRAMES)).train()
    assert torch.equal(network(clips()[0]), torch.zeros(CLIPS, CLASSES))


def test_it_standardises_by_the_mean_over_all_batches() -> None:
    values = clips()[0]
    network = LinearProbe(LinearProbeModel(), CLASSES, (ROWS, FRAMES)).train()
    for _ in range(3):  # epochs
        for part in values.split(CLIPS // 4):
            network(part)
    means = values.mean(dim=(1, 3))
    torch.testing.assert_close(network.standardise.running_mean, means.mean(dim=0))

"""Labels as text, and both tasks: labels in arrays, probabilities, losses and answers."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from training.label_text import label_names, label_text
from training.tasks import MULTICLASS, MULTILABEL, Task, task_of

CLASSES = ["a", "b", "c"]
TEXTS = ["a", "c;b", None, "d", "d; a"]


def test_labels_are_text_with_semicolons() -> None:
    assert label_names(" dog ;bell") == ("bell", "dog")
    assert label_names("dog") == ("dog",)
    assert label_text(["rain", " dog "]) == "dog;rain"
    assert label_names(label_text(["b", "a"])) == ("a", "b")


@pytest.mark.parametrize("text", ["", " ", "a;", ";a", "a; ;b"])
def test_a_blank_label_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a name for each label, got a blank one$"):
        label_names(text)


def test_a_label_that_is_repeated_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^expected each label once, got 'a' twice$"):
        label_names("a;b; a")
    with pytest.raises(ValueError, match=r"^expected each label once, got 'a' twice$"):
        label_text(["a", "a"])


def test_no_label_and_one_with_a_semicolon_are_no_text() -> None:
    with pytest.raises(ValueError, match=r"^expected one label or more, got none$"):
        label_text([])
    with pytest.raises(ValueError, match=r"^expected labels without ';', which stands between them, got 'a;b'$"):
        label_text(["a;b"])


def test_labels_stand_in_arrays() -> None:
    assert task_of("multiclass") is MULTICLASS
    assert task_of("multilabel") is MULTILABEL
    one, several = MULTICLASS.labels(TEXTS, CLASSES), MULTILABEL.labels(TEXTS, CLASSES)
    assert one.tolist() == [0, -1, -1, -1, -1]
    assert several.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 0], [0, 0, 0], [1, 0, 0]]
    assert MULTICLASS.has_label(one).tolist() == [True, False, False, False, False]
    assert MULTILABEL.has_label(several).tolist() == [True, True, False, False, True]
    assert MULTICLASS.counts(one[:1], 3).tolist() == [1, 0, 0]
    assert MULTILABEL.counts(several, 3).tolist() == [2, 1, 1]
    assert MULTILABEL.texts(several, CLASSES) == ["a", "b;c", "", "", "a"]
    assert MULTICLASS.texts(one[:1], CLASSES) == ["a"]


def test_a_clip_counts_for_its_rarest_label() -> None:
    labels = MULTILABEL.labels(["a;b", "a", "a;c", "b", "x", "b;c"], CLASSES)  # a and b three times, c twice
    assert MULTILABEL.strata(labels).tolist() == [0, 0, 2, 1, -1, 2]
    numbers = np.array([1, 0, -1])
    assert MULTICLASS.strata(numbers).tolist() == [1, 0, -1]


@pytest.mark.parametrize("task", [MULTICLASS, MULTILABEL])
def test_logits_and_probabilities_are_inverse(task: Task) -> None:
    logits = np.random.default_rng(0).normal(0, 4, (50, 3)).astype(np.float32)
    probabilities = task.probabilities(logits)
    np.testing.assert_allclose(task.probabilities(task.logits(probabilities)), probabilities, atol=1e-6)
    assert np.isfinite(task.logits(np.array([[0.0, 1.0, 0.0]]))).all()


def test_losses_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(0, 2, (60, 4)), rng.random((60, 4)) < 0.4
    probabilities = MULTILABEL.probabilities(logits)
    by_label = [log_loss(labels[:, number], probabilities[:, number]) for number in range(4)]
    assert MULTILABEL.losses(logits, labels).mean() == pytest.approx(np.mean(by_label), abs=1e-12)
    numbers = rng.integers(0, 4, 60)
    expected = log_loss(numbers, MULTICLASS.probabilities(logits))
    assert MULTICLASS.losses(logits, numbers).mean() == pytest.approx(expected, abs=1e-12)


def test_an_answer_of_several_labels_is_right_as_a_whole() -> None:
    answers, labels = np.array([[1, 0], [1, 1], [0, 0]], bool), np.array([[1, 0], [0, 1], [0, 0]], bool)
    assert MULTILABEL.right(answers, labels).tolist() == [True, False, True]
    probabilities = np.array([[0.9, 0.2], [0.6, 0.7], [0.1, 0.3]])
    assert MULTILABEL.confidence(probabilities, answers).tolist() == pytest.approx([0.8, 0.6, 0.7])
    assert MULTILABEL.likeliest(np.array([[0.1, -0.1]])).tolist() == [[True, False]]


def test_log_odds_are_those_of_the_probabilities() -> None:
    logits = np.random.default_rng(2).normal(0, 2, (5, 3))
    for task in (MULTICLASS, MULTILABEL):
        shares = task.probabilities(logits)[:, 1]
        np.testing.assert_allclose(task.log_odds(logits, 1), np.log(shares / (1 - shares)), atol=1e-9)

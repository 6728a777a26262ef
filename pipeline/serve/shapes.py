"""Shapes of answers: otogura's own, the published one, and that of Hugging Face's audio classification."""

from collections.abc import Mapping
from typing import Any, Literal

from training.inference.answers import Prediction

Shape = Literal["otogura", "published", "huggingface"]


def shaped(
    shape: Shape, prediction: Prediction, *, merge: bool, top_k: int | None, explanation: Mapping[str, Any] | None
) -> Any:
    """Return the answer for a recording, ready for JSON.

    Parameters
    ----------
    shape : str
        "otogura" as `otogura predict --format json` prints it; "published" with a probability for each class, in their
        order; "huggingface" with the classes by falling probability. Those of several labels do not add up to 1.
    prediction : Prediction
    merge : bool
        Join neighbouring windows of one class, in the shape that has windows.
    top_k : int or None
        Number of classes of "huggingface"; None for all.
    explanation : mapping or None
        As `training.inference.relevance` returns it, for otogura's own shape.
    """
    if shape == "published":
        outputs = [{"name": name, "data": share} for name, share in prediction.probabilities.items()]
        return {"version": prediction.model_version, "outputs": outputs}
    if shape == "huggingface":
        ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])[:top_k]
        return [{"label": name, "score": share} for name, share in ranked]
    described = (prediction.merged() if merge else prediction).described()
    return described if explanation is None else described | {"explanation": explanation}

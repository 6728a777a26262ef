"""Settings of the linear probe."""

from typing import Any, ClassVar, Literal

from training.models.base import OneChannelModel


class LinearProbeModel(OneChannelModel):
    """Multinomial logistic regression on the mean over time of each row: what an embedding knows by itself."""

    reads: ClassVar[str] = "log_mel"
    recipes: ClassVar[dict[str, dict[str, Any]]] = {"environment": {"kind": "log_mel"}}
    published: ClassVar[dict[str, Any]] = {
        "epochs": 100,
        "batch_size": 64,
        "learning_rate": 1e-2,
        "weight_decay": 1e-2,
        "variants": "original",
    }

    name: Literal["linear_probe"] = "linear_probe"

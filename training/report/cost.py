"""Cost of a run, as reports show it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingCost:
    """Time of training, over all parts of a run that was broken off and went on.

    Attributes
    ----------
    seconds : float
        Of training and of validating; without evaluation and reports.
    epochs : int
        Those that were trained in this time.
    devices : tuple of str
        Names of the devices that trained, each once.
    """

    seconds: float
    epochs: int
    devices: tuple[str, ...]

    @property
    def device(self) -> str:
        return ", ".join(self.devices)

    def text(self, tensors_per_epoch: int) -> str:
        """Return the cost as a line of text, with the rate at which tensors were trained on."""
        rate = f", {self.epochs * tensors_per_epoch / self.seconds:,.0f} clips/s" if self.seconds else ""
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        return f"{epochs} in {self.seconds:,.1f} s{rate}" + (f", on {self.device}" if self.devices else "")

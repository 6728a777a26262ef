"""White Gaussian noise at a drawn signal-to-noise ratio, or of a fixed amplitude."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic.dataclasses import dataclass

from features.augmentations.base import PositiveRange, Range, uniform
from features.strict import STRICT

if TYPE_CHECKING:
    from features.sound import Clip


@dataclass(frozen=True, config=STRICT)
class Noise:
    """Add white Gaussian noise.

    Parameters
    ----------
    snr_db : range in dB
        Ratio of the clip's mean power to the noise's. Silence stays silence.
    amplitude : range, optional
        Standard deviation of the noise relative to full scale, in place of `snr_db`.
    """

    snr_db: Range = (15.0, 30.0)
    amplitude: PositiveRange | None = None

    version: ClassVar[int] = 1
    order: ClassVar[int] = 1

    def draw(self, rng: np.random.Generator) -> dict[str, float]:
        if self.amplitude is not None:
            return {"amplitude": uniform(rng, self.amplitude)}
        return {"snr_db": uniform(rng, self.snr_db)}

    def apply(self, clip: "Clip", parameters: dict[str, float], rng: np.random.Generator) -> np.ndarray:
        from features.normal import plus_noise  # compiled code is not for those who read the configuration only

        if "amplitude" in parameters:
            amplitude = parameters["amplitude"]
        else:
            exact = clip.samples.astype(np.float64)
            power = np.vdot(exact, exact) / len(exact)
            amplitude = np.sqrt(power / 10 ** (parameters["snr_db"] / 10))
        return plus_noise(clip.samples, float(amplitude), rng)

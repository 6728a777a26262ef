"""Linear probe: multinomial logistic regression on the means over time of the rows of a tensor.

Kornblith, Shlens, Le: Do better ImageNet models transfer better? CVPR 2019; the standardisation of the means is that
of He et al.: Masked autoencoders are scalable vision learners, CVPR 2022.
"""

from torch import Tensor, nn

from training.models.linear_probe.settings import LinearProbeModel
from training.models.network import Network


class LinearProbe(Network):
    """Network of tensors `(batch, 1, rows, frames)`; logits `(batch, classes)`.

    The means are standardised by those of the training clips, and the one layer begins at zero: the loss is convex.
    """

    def __init__(self, settings: LinearProbeModel, classes: int, size: tuple[int, ...]) -> None:
        super().__init__(settings, classes, size)
        # The mean over all steps of an epoch, which is that of the clips, in place of one that forgets.
        self.standardise = nn.BatchNorm1d(size[0], affine=False, momentum=None)
        self.head = nn.Linear(size[0], classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.standardise(x.mean(dim=(1, 3))))

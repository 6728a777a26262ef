"""Batch norm over the batches of all ranks, on every device; torch's own takes tensors on GPUs alone."""

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.modules.batchnorm import _BatchNorm


class SyncBatchNorm(_BatchNorm):
    """Batch norm whose mean and variance in training are those of the items of all ranks together."""

    def _check_input_dim(self, input: Tensor) -> None:
        """Take inputs of every shape (batch, channels, …)."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        mean, variance, count = _statistics(input)
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            share = self.momentum if self.momentum is not None else 1 / self.num_batches_tracked.item()
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(variance * count / (count - 1), share)
        return _Normalise.apply(input, self.weight, self.bias, mean, variance, count, self.eps)  # type: ignore[no-untyped-call]  # torch's


def synchronise(network: nn.Module) -> None:
    """Let each batch norm of a network be one over all ranks; weights and statistics stay, with their names."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, _BatchNorm):
                norm = SyncBatchNorm(child.num_features, child.eps, child.momentum, child.affine)
                norm._parameters, norm._buffers = child._parameters, child._buffers
                norm.track_running_stats = child.track_running_stats
                setattr(module, name, norm)


def _statistics(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean and variance of each channel over all ranks, float32, and the number of values."""
    axes = [0, *range(2, values.ndim)]
    variance, mean = torch.var_mean(values.detach().float(), axes, correction=0)
    count = torch.full_like(mean[:1], values.numel() // values.shape[1])
    own = torch.cat([mean, variance, count])
    parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, own)
    means, variances, counts = torch.split(torch.stack(parts), [len(mean), len(mean), 1], dim=1)
    total = counts.sum()
    mean = (means * counts).sum(dim=0) / total
    variance = ((variances + (means - mean).square()) * counts).sum(dim=0) / total
    return mean, variance, total


class _Normalise(Function):
    """Normalisation by statistics of all ranks, through which gradients of all ranks flow back."""

    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        mean: Tensor,
        variance: Tensor,
        count: Tensor,
        eps: float,
    ) -> Tensor:
        ctx.save_for_backward(values, weight, mean, (variance + eps).rsqrt(), count)
        return F.batch_norm(values, mean, variance, weight, bias, training=False, eps=eps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        values, weight, mean, scale, count = ctx.saved_tensors
        axes, shape = [0, *range(2, values.ndim)], (1, -1, *[1] * (values.ndim - 2))
        gradient = gradients[0].float()
        normal = (values.float() - mean.view(shape)) * scale.view(shape)
        own = torch.stack([gradient.sum(axes), (gradient * normal).sum(axes)])
        of_all = own.clone()
        dist.all_reduce(of_all)
        first, second = (of_all / count).view(2, *shape)
        slope = scale if weight is None else scale * weight
        back = (gradient - first - normal * second) * slope.view(shape)
        of_weights = (None, None) if weight is None else (own[1], own[0])
        return back.to(values.dtype), *of_weights, None, None, None, None

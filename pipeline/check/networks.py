"""Contract of networks."""

from typing import Any

import torch
from torch import Tensor, nn

from features.tensors import AnyRecipe
from pipeline.check.contract import Check, expect, global_state_kept, milliseconds
from training.evaluation.attention import attention_of
from training.models import Model
from training.models.base import OneChannelModel
from training.models.build import build

CLASSES, CLIPS = 3, 4
SAME, SUM = 1e-5, 1e-3  # differences of logits that are rounding, and of sums of attention


def network_checks(settings: Model, recipe: AnyRecipe) -> dict[str, Check]:
    """Return the checks of a network with its settings, on tensors of a recipe, by what each says."""

    def built(seed: int = 0) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return build(settings, CLASSES, recipe)

    def logits_for_each_class() -> str:
        network = built().eval()
        with torch.no_grad(), global_state_kept():
            logits = network(_clips(settings, recipe))
        expect(logits.shape == (CLIPS, CLASSES), f"expected logits {(CLIPS, CLASSES)}, got {tuple(logits.shape)}")
        expect(logits.isfinite().all(), "expected finite logits, got others")
        return f"{sum(weight.numel() for weight in network.parameters()):,} weights"

    def same_weights_by_the_same_seed() -> None:
        first, second = (built().state_dict() for _ in range(2))
        differing = [name for name in first if not torch.equal(first[name], second[name])]
        expect(not differing, f"expected the same weights by the same seed of torch, got others of {differing[:3]}")

    def clips_by_themselves() -> None:
        network, clips = built().eval(), _clips(settings, recipe)
        with torch.no_grad():
            together, alone = network(clips), torch.cat([network(clip[None]) for clip in clips])
        apart = float((together - alone).abs().max())
        expect(apart <= SAME * max(1.0, float(together.abs().max())), f"expected {SAME:g} at most, got {apart:.2g}")

    def evaluation_repeats_itself() -> None:
        network, clips = built().eval(), _clips(settings, recipe)
        with torch.no_grad():
            expect(torch.equal(network(clips), network(clips)), "expected the same logits again in evaluation mode")

    def every_weight_learns() -> None:
        network = built()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # of dropout
            logits = network(_shown(settings, recipe))
        torch.autograd.backward(nn.functional.cross_entropy(logits, torch.arange(CLIPS) % CLASSES))
        still = [name for name, weight in network.named_parameters() if weight.requires_grad and _still(weight)]
        expect(not still, f"expected a gradient for every weight, got none for {', '.join(still[:3])}")

    def weights_are_all_that_it_is() -> None:
        first, second, clips = built().eval(), built(seed=1).eval(), _clips(settings, recipe)
        second.load_state_dict(first.state_dict())
        with torch.no_grad():
            expect(torch.equal(first(clips), second(clips)), "expected the same logits with the same weights")

    def attention_over_time() -> str:
        attention = attention_of(built().eval(), {"features": _clips(settings, recipe)})
        if attention is None:
            return "has none"
        weights = attention.over_time
        expect(weights.ndim == 2 and len(weights) == CLIPS, f"expected (clips, steps), got {tuple(weights.shape)}")
        expect((weights >= 0).all(), "expected weights of at least 0, got negative ones")
        expect(((weights.sum(dim=1) - 1).abs() < SUM).all(), "expected weights that sum to 1 for each clip")
        return f"{weights.shape[1]} steps"

    def time_per_clip() -> str:
        network, clips = built().eval(), _clips(settings, recipe)
        with torch.no_grad():
            return f"{milliseconds(lambda: network(clips)) / CLIPS:.2f} ms on {torch.get_num_threads()} threads"

    return {
        "a logit for each class": logits_for_each_class,
        "the same seed gives the same weights": same_weights_by_the_same_seed,
        "a clip by itself has the logits that it has in a batch": clips_by_themselves,
        "evaluation repeats itself": evaluation_repeats_itself,
        "every weight learns": every_weight_learns,
        "the weights are all that it is": weights_are_all_that_it_is,
        "attention over time": attention_over_time,
        "time per clip": time_per_clip,
    }


def _still(weight: nn.Parameter) -> bool:
    """Return True for a weight that no step changes; a bias may be one that a softmax or a norm takes away again."""
    if weight.grad is None:
        return True
    return weight.ndim > 1 and not bool(weight.grad.abs().sum() > 0)


def _clips(settings: Model, recipe: AnyRecipe, size: tuple[int, ...] | None = None) -> Tensor:
    """Return clips as a stream gives them, channels before rows."""
    rows_frames, channels = size or recipe.shape[:2], recipe.shape[2:]
    return torch.randn(CLIPS, *channels, *rows_frames, generator=torch.Generator().manual_seed(0))


def _shown(settings: Any, recipe: AnyRecipe) -> Tensor:
    """Return clips as they are shown in training, cut to the part that a network of one channel sees."""
    return _clips(settings, recipe, settings.crop if isinstance(settings, OneChannelModel) else None)

"""Precision of predictions, whatever a network was trained in."""

import torch

from training.evaluation.predict import full_precision


def test_a_gpu_predicts_in_float32_and_repeats_itself() -> None:
    cudnn = torch.backends.cudnn
    with cudnn.flags(enabled=True, deterministic=False, allow_tf32=True):
        with full_precision():
            assert (cudnn.enabled, cudnn.deterministic, cudnn.allow_tf32) == (True, True, False)
        assert (cudnn.enabled, cudnn.deterministic, cudnn.allow_tf32) == (True, False, True)

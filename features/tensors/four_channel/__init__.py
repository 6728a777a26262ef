"""The normalised four-channel tensor: log-mel, MFCC, delta, delta-delta."""

from features.tensors.four_channel.recipe import Recipe

__all__ = ["Recipe"]

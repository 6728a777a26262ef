"""Embeddings: what a model in an ONNX file makes of windows of a clip."""

from features.tensors.embedding.recipe import EmbeddingRecipe

__all__ = ["EmbeddingRecipe"]

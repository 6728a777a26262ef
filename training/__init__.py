"""Batches out of stores, models, training, evaluation and reports. Imports stores and features, never pipeline."""

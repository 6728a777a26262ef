"""Predictions of trained networks and their scores."""

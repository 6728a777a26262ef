"""Helpers of every room: workers, locks, progress, errors."""

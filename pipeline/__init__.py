"""Composes features, stores and training into what a user runs: index, build, train, report."""

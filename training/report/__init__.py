"""Pages about runs: of one run, of its folds, and of all experiments together."""

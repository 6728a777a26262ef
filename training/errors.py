class TrainingError(Exception):
    """Training that cannot go on: the message says why and what to change."""

class TrainingError(Exception):
    """Training that cannot go on: the message says why and what to change."""


class OutOfTime(TrainingError):
    """Training whose `max_time` has come; the same command goes on."""

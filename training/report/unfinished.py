"""Experiments without a result that is up to date."""

from training.settings import Section


class Unfinished(Section):
    """Reason why an experiment's run is missing or out of date, and the command that makes it."""

    reason: str
    command: str

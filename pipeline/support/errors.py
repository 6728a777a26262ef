class InputError(Exception):
    """A user's mistake in one line: where, what was expected, what was found, what to do."""

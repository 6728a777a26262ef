class StoreError(Exception):
    """A store that cannot be used as asked: the message says which, what was found and what to do."""

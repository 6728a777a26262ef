class StoreError(Exception):
    """Error of a store that cannot be used as asked. The message says which, what was found and what to do."""

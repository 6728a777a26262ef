"""Inner loops that numpy would spread over many passes through memory, compiled by numba; one file each.

Each is called on blocks that stay in the cache, and works in one thread.
"""

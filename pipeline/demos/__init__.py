"""Corpora that the project synthesises, each in the real on-disk format of its system.

A demo has a `VERSION`, raised whenever what it writes changes, and `write(root, done)`, which writes it below a folder
and then says so in a file.
"""

from types import ModuleType

from pipeline.demos import genres, strikes

DEMOS: dict[str, ModuleType] = {"genres": genres, "strikes": strikes}

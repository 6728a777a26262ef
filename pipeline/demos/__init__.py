"""Corpora that the project synthesises, each in the real on-disk format of its system.

A demo has a `VERSION`, raised whenever what it writes changes; `write(root, done)`, which writes it below a folder and
then says so in a file; and `corpus(root)`, which says how it is to be read.
"""

from types import ModuleType

from pipeline.demos import bgm, environment, genres, spectrogram, strikes

DEMOS: dict[str, ModuleType] = {
    "genres": genres,
    "strikes": strikes,
    "environment": environment,
    "spectrogram": spectrogram,
    "bgm": bgm,
}

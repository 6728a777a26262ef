"""Complete batches in memory, in one order: nothing is read, copied or put together while a network learns.

https://docs.pytorch.org/tutorials/beginner/basics/optimization_tutorial.html: a training loop takes any iterable of
batches; a list of tensors is faster than every DataLoader.
"""


def prepare(batches):
    return list(batches)


def epoch(prepared):
    yield from prepared

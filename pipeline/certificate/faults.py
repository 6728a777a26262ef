"""Faults for processes of their own: a signal that a process sends itself before a chosen call."""

import os
import signal
from collections.abc import Callable, Sequence
from functools import cache
from multiprocessing import get_context, parent_process
from multiprocessing.context import ForkServerContext
from threading import Thread
from typing import Any

from training.learner import Learner

Calls = Sequence[tuple[Any, str]]  # owner and name of each function

# Batches, steps, scores, and changes of a folder, as when a checkpoint is written.
TRAINING: Calls = (
    *((Learner, name) for name in ("learn", "step", "validate")),
    *((os, name) for name in ("rename", "replace", "fsync")),
)


@cache
def processes() -> ForkServerContext:
    """Return the context of the processes that train; they are forked from one that has the imports done."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["pipeline.certificate.repetition"])
    return context


def exit_code(target: Callable[..., None], *arguments: Any) -> int:
    """Run a function in a process of its own and return its exit code, negative if a signal ended it.

    The process is killed when this one is interrupted.
    """
    process = processes().Process(target=target, args=arguments)
    process.start()
    try:
        process.join()
    finally:
        process.kill()
        process.join()
    assert process.exitcode is not None
    return process.exitcode


def end_with_parent() -> None:
    """Have this process killed as soon as the one that started it is gone, and leave Ctrl-C to that one."""
    parent = parent_process()
    assert parent is not None
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)

    Thread(target=wait, name="otogura-parent", daemon=True).start()


def signal_before(call: int | None, number: int, functions: Calls) -> Callable[[], int]:
    """Have this process send itself a signal before that call of some functions, counted from 1.

    Returns a function that gives the number of their calls so far. With None there is no signal.
    """
    calls = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == call:
                os.kill(os.getpid(), number)
            return function(*arguments, **options)

        return counting

    for owner, name in functions:
        setattr(owner, name, counted(getattr(owner, name)))
    return lambda: calls

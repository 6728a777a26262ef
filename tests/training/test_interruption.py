"""Signals are noted while a run saves, and end it afterwards as they end other programs."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from training.interruption import SIGNALS, Interruption


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Signals as a terminal's foreground has them: a shell starts what runs in its background deaf to Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("number", "error", "code"), [(signal.SIGINT, KeyboardInterrupt, None), (signal.SIGTERM, SystemExit, 143)]
)
def test_a_signal_is_noted_and_ends_when_asked(
    number: signal.Signals, error: type[BaseException], code: int | None
) -> None:
    with Interruption() as interruption:
        interruption.end()  # nothing has happened yet
        os.kill(os.getpid(), number)
        assert interruption.signal is number
        with pytest.raises(error) as ended:
            interruption.end()
        with pytest.raises(error):  # and the second one does not wait
            os.kill(os.getpid(), number)
    if code is not None:
        assert isinstance(ended.value, SystemExit)
        assert ended.value.code == code


def test_the_handlers_before_come_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with Interruption():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            os.kill(os.getpid(), signal.SIGINT)
            assert interruption.signal is None
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_notes_nothing() -> None:
    seen: list[bool] = []
    before = signal.getsignal(signal.SIGTERM)

    def enter() -> None:
        with Interruption() as interruption:
            seen.append(signal.getsignal(signal.SIGTERM) is before and interruption.signal is None)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [True]

"""Connection of a rank to the process that started it, through its standard input."""

import os
import signal
import threading

STARTED = "OTOGURA_RANK"  # in the environment of such a rank: its number
REASON_S = 10.0  # for news of another rank that has ended


class RankLink:
    """Reader of the standard input, where the starting process says why another rank has ended.

    Where the input ends without a word, that process has been killed: the rank gets SIGTERM, as all others do, and
    ends with a checkpoint.
    """

    def __init__(self) -> None:
        self._text = b""
        self._told = threading.Event()
        threading.Thread(target=self._read, name="otogura-rank-link", daemon=True).start()

    def reason(self) -> str | None:
        """Return why another rank has ended; None if none is reported to have ended."""
        return self._text.decode().strip() if self._told.wait(REASON_S) else None

    def _read(self) -> None:
        while part := os.read(0, 4096):  # without a buffer, whose lock the end of the process would wait for
            self._text += part
            if self._text.endswith(b"\n"):
                self._told.set()
        if not self._told.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

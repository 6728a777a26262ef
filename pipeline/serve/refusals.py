"""Refusals of the service: a status, and one line that says why."""

from http import HTTPStatus

RESTART_RETRY_S = 5


class Refusal(Exception):
    """Request that is not answered.

    Parameters
    ----------
    status : HTTPStatus
    reason : str
        One line for the client, with nothing of this machine in it.
    retry_after_s : int, optional
    """

    def __init__(self, status: HTTPStatus, reason: str, retry_after_s: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers: dict[str, str] = {} if retry_after_s is None else {"retry-after": str(retry_after_s)}
        if status == HTTPStatus.UNAUTHORIZED:
            self.headers["www-authenticate"] = 'Basic realm="otogura: the key as password", charset="UTF-8"'

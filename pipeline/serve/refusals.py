"""Refusals of the service: a status, and one line that says why."""

from http import HTTPStatus

RETRY_S = 5
NO_ROOM = "there is no room for the body now; try again"


class Refusal(Exception):
    """Request that is not answered.

    Parameters
    ----------
    status : HTTPStatus
    reason : str
        One line for the client, with nothing of this machine in it.
    retry_after_s : int, default 5
        When to try again, where the status is 503.
    """

    def __init__(self, status: HTTPStatus, reason: str, retry_after_s: int = RETRY_S) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers: dict[str, str] = {}
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.headers["retry-after"] = str(retry_after_s)
        if status == HTTPStatus.UNAUTHORIZED:
            self.headers["www-authenticate"] = 'Basic realm="otogura: the key as password", charset="UTF-8"'

"""Full queues, deadlines, clients that go away, and a process of the models that is killed."""

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np
import pytest
from service import Service, answer_of, written

LONG = written(0.3 * np.sin(np.arange(50 * 8000) / 9), 8000)
PATH = "/predict?hop_s=0.001"  # tens of thousands of windows, far more than the deadline leaves time for

Begin = Callable[[], socket.socket]


@pytest.fixture
def long_request(served: Service) -> Iterator[Begin]:
    """Begins a request that takes longer than the deadline; its connection is closed after the test."""
    with ExitStack() as connections:

        def begin() -> socket.socket:
            connection = served.open(PATH, more=f"Content-Length: {len(LONG)}\r\n\r\n")
            connection.sendall(LONG)
            return connections.enter_context(connection)

        yield begin
    served.wait("otogura_predictions_in_flight", most=0)
    served.wait_ready()


def wait_computing(served: Service) -> None:
    """Return when the process of the models is at work."""
    served.wait("otogura_batch_windows_count", least=served.number("otogura_batch_windows_count") + 2)


def test_a_request_ends_with_its_deadline(served: Service, long_request: Begin) -> None:
    restarts = served.number("otogura_worker_restarts_total")
    assert answer_of(long_request()) == (504, {"error": "no answer within 3 s"})
    assert served.number("otogura_worker_restarts_total") == restarts


def test_the_work_for_a_client_that_goes_away_is_given_up(served: Service, long_request: Begin) -> None:
    restarts = served.number("otogura_worker_restarts_total")
    connection = long_request()
    wait_computing(served)
    connection.close()
    served.wait("otogura_predictions_in_flight", most=0)
    assert served.number("otogura_worker_restarts_total") == restarts
    with served.open(more="Content-Length: 100\r\n\r\nhalf") as half:
        served.wait("otogura_predictions_in_flight", least=1)
        half.close()
    served.wait("otogura_predictions_in_flight", most=0)


def test_a_full_queue_refuses_at_once(served: Service, long_request: Begin) -> None:
    for _ in range(4):
        long_request()
    served.wait("otogura_predictions_in_flight", least=4)
    status, headers, text = served.request("POST", "/predict", LONG)
    assert status == 503
    assert int(headers["retry-after"]) >= 1
    assert json.loads(text) == {"error": "too many requests are being answered; try again"}
    assert served.request("GET", "/health")[0] == 200


def test_short_recordings_are_answered_beside_long_ones(served: Service, long_request: Begin) -> None:
    long_request()
    wait_computing(served)
    assert served.request("POST", "/predict", written(np.zeros(800), 8000))[0] == 200
    assert served.number("otogura_predictions_in_flight") == 1


def test_all_requests_end_where_the_process_is_killed_beside_them(served: Service, long_request: Begin) -> None:
    connections = [long_request() for _ in range(4)]
    wait_computing(served)
    for worker in served.workers():
        os.kill(worker, signal.SIGKILL)
    for connection in connections:
        status, answer = answer_of(connection)
        assert status in (503, 504)
        assert answer.keys() == {"error"}


def test_a_process_that_is_killed_is_replaced(served: Service, long_request: Begin) -> None:
    restarts = served.number("otogura_worker_restarts_total")
    connection = long_request()
    wait_computing(served)
    (worker,) = served.workers()
    os.kill(worker, signal.SIGKILL)
    status, answer = answer_of(connection)
    assert status == 503
    assert answer == {"error": "the process of the models has ended while it answered this request"}
    assert served.request("GET", "/health")[0] == 200
    served.wait_ready()
    assert served.number("otogura_worker_restarts_total") == restarts + 1
    assert served.workers() != [worker]

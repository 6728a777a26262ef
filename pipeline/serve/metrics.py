"""Numbers of the service, as Prometheus reads them."""

from time import monotonic

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
WINDOWS = (1, 2, 4, 8, 16)


class ServiceMetrics:
    """Counters of one service."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "otogura_requests", "Requests that were answered.", ["route", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "otogura_request_seconds",
            "Time from the header of a request to the end of its answer.",
            ["route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self.in_flight = Gauge(
            "otogura_predictions_in_flight", "Sounds that are received or answered.", registry=self._registry
        )
        self.batches = Histogram(
            "otogura_batch_windows", "Windows in a batch of a network.", buckets=WINDOWS, registry=self._registry
        )
        self.restarts = Counter(
            "otogura_worker_restarts", "Processes of the models that have ended.", registry=self._registry
        )

    def text(self) -> bytes:
        """Return all of them in Prometheus' text format."""
        return generate_latest(self._registry)


class Measured:
    """ASGI middleware that counts and times requests."""

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application for one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s, status = monotonic(), "none"

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "other")  # few, whatever clients ask for
            self._metrics.requests.labels(route, status).inc()
            self._metrics.seconds.labels(route).observe(monotonic() - started_s)

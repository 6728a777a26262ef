"""Application of the service: its routes, and what stands in front of them."""

import asyncio
from collections.abc import Coroutine
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse

from pipeline.serve.description import BATCH, HEALTH, METRICS, MODELS, PREDICT, READY, SUMMARY, completed
from pipeline.serve.keys import KeyHash, admitted
from pipeline.serve.limits import Limits
from pipeline.serve.metrics import Measured, ServiceMetrics
from pipeline.serve.page_files import SafeHeaders, add_page
from pipeline.serve.reference import STYLE, reference_page
from pipeline.serve.refusals import Refusal
from pipeline.serve.settings import ServiceSettings
from pipeline.serve.shapes import Shape
from pipeline.serve.spool import Spool
from pipeline.serve.supervisor import Supervisor

CLIENT_GONE = 499  # of no standard; it is counted, and nobody reads it
LONGEST_HOP_S = 86_400
BATCHED = "batch"  # an option that is no parameter
LONGEST_SHOWN = 40  # characters of what a client has sent
INTERNAL = "an error inside the service, which its log shows"

HopS = Annotated[float | None, Query(gt=0, le=LONGEST_HOP_S, description="Seconds between windows of a timeline.")]
TopK = Annotated[int | None, Query(ge=1, description="Number of classes of the shape huggingface.")]


def application(
    settings: ServiceSettings, keys: list[KeyHash] | None, supervisor: Supervisor, spool: Spool, metrics: ServiceMetrics
) -> FastAPI:
    """Return the application; whoever has no key, where there are `keys`, gets neither answers nor numbers."""
    app = FastAPI(
        title="otogura",
        version=version("otogura"),
        summary=SUMMARY,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # to an address that the client's header names
    )

    async def require_key(request: Request) -> None:
        if keys is not None and not admitted(keys, request.headers.get("authorization", "")):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "expected a key of this service: Authorization: Bearer KEY")

    async def answered(request: Request, options: dict[str, Any]) -> Response:
        known = options.keys() - {BATCHED}
        if unknown := [name for name in request.query_params if name not in known]:
            shown = " ".join(unknown[0].split())[:LONGEST_SHOWN]
            reason = f"{shown}: no such parameter; expected {', '.join(sorted(known))}"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, reason)
        names = list(settings.models)
        options["model"] = options["model"] or names[0]
        if options["model"] not in names:
            raise Refusal(HTTPStatus.NOT_FOUND, f"model: expected one of {', '.join(names)}")
        async with spool.body(request) as body:
            if body is None:
                return Response(status_code=CLIENT_GONE)
            message = {
                "file": None if body.file is None else str(body.file),
                "folder": str(body.folder),
                "content_type": request.headers.get("content-type", ""),
                "options": options,
            }
            answer = await _unless_gone(request, supervisor.answer(message, body.content, body.remove))
        return Response(status_code=CLIENT_GONE) if answer is None else Response(answer, media_type="application/json")

    @app.post("/predict", dependencies=[Depends(require_key)], **PREDICT)
    async def predict(
        request: Request,
        shape: Shape = "otogura",
        model: str | None = None,
        hop_s: HopS = None,
        merge: bool = False,
        explain: bool = False,
        top_k: TopK = None,
    ) -> Response:
        options = {"shape": shape, "model": model, "hop_s": hop_s, "merge": merge, "explain": explain, "top_k": top_k}
        return await answered(request, options)

    @app.post("/predict/batch", dependencies=[Depends(require_key)], **BATCH)
    async def predict_batch(
        request: Request,
        shape: Shape = "otogura",
        model: str | None = None,
        hop_s: HopS = None,
        merge: bool = False,
        top_k: TopK = None,
    ) -> Response:
        options = {"shape": shape, "model": model, "hop_s": hop_s, "merge": merge, "top_k": top_k, BATCHED: True}
        return await answered(request, options)

    @app.get("/models", dependencies=[Depends(require_key)], **MODELS)
    async def models() -> Response:
        if not supervisor.models:
            raise _loading()
        return JSONResponse(supervisor.models)

    @app.get("/health", **HEALTH)
    async def health() -> Response:
        return JSONResponse({"status": "ok"})

    @app.get("/ready", **READY)
    async def ready() -> Response:
        if not supervisor.ready:
            raise _loading()
        return JSONResponse({"status": "ready"})

    @app.get("/metrics", dependencies=[Depends(require_key)], **METRICS)
    async def numbers() -> Response:
        return PlainTextResponse(metrics.text(), media_type="text/plain; version=0.0.4")

    @app.get("/docs", include_in_schema=False)
    async def reference() -> Response:
        return HTMLResponse(reference_page(app.openapi()))

    @app.get("/docs/reference.css", include_in_schema=False)
    async def reference_style() -> Response:
        return Response(STYLE.read_bytes(), media_type="text/css")

    schema = completed(app.openapi(), keys is not None)
    app.openapi = lambda: schema  # type: ignore[method-assign]  # as FastAPI's documentation extends it
    add_page(app)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _internal)
    app.add_middleware(Limits, settings=settings, metrics=metrics)
    app.add_middleware(SafeHeaders)
    app.add_middleware(Measured, metrics=metrics)
    return app


async def _unless_gone(request: Request, answer: Coroutine[Any, Any, bytes]) -> bytes | None:
    """Return the answer, or None, and give it up, if the client goes away before."""
    answering = asyncio.create_task(answer)
    leaving = asyncio.ensure_future(request.receive())  # its body is complete: what comes next is that it leaves
    try:
        await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
        return answering.result() if answering.done() else None
    finally:
        answering.cancel()
        leaving.cancel()
        await asyncio.gather(answering, leaving, return_exceptions=True)


def _loading() -> Refusal:
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the models are being loaded")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fault = error.errors()[0]
    return JSONResponse({"error": f"{fault['loc'][-1]}: {fault['msg']}"}, HTTPStatus.UNPROCESSABLE_ENTITY)


async def _internal(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": INTERNAL}, HTTPStatus.INTERNAL_SERVER_ERROR)

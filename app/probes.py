"""What operations ask of a process, and how it answers for what went wrong outside GraphQL."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI, Request, Response
from starlette.responses import JSONResponse

from app.errors import VitrineError
from app.storefront.endpoint import refusal
from app.telemetry import Metrics, log


def add_probes(app: FastAPI, metrics: Metrics | None) -> None:
    """Gives an application `/healthz`, `/readyz`, where there are metrics `/metrics`, and coded answers for errors."""
    if metrics is not None:
        app.add_api_route("/metrics", partial(_metrics, metrics), methods=["GET"])
    app.add_api_route("/healthz", _healthz, methods=["GET"])
    app.add_api_route("/readyz", _readyz, methods=["GET"])
    app.add_exception_handler(VitrineError, _refused)
    app.add_exception_handler(Exception, _crashed)


async def _healthz() -> Response:
    """The process lives; asks nobody."""
    return JSONResponse({"status": "ok"})


async def _readyz(request: Request) -> Response:
    """The process can take traffic. Commerce being away is told, and does not make it unready: every other process
    would be unready with it, and nobody would answer what needs no Commerce."""
    ready = getattr(request.app.state, "ready", False)
    known = bool(request.app.state.parts.shop.views)
    body = {"status": "ready" if ready else "starting", "commerce": "known" if known else "unknown"}
    return JSONResponse(body, status_code=200 if ready else 503)


async def _metrics(metrics: Metrics) -> Response:
    return Response(metrics.text(), media_type="text/plain; version=0.0.4")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, VitrineError)
    return refusal(error)


async def _crashed(_: Request, error: Exception) -> Response:
    log.error("http.crashed", exc_info=error)
    return refusal(VitrineError())

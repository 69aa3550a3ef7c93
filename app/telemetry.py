"""Logs and metrics. No secret is written: values of keys that name one are blanked on their way out."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from opentelemetry import propagate, trace
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

_SECRET = ("authorization", "cookie", "password", "secret", "token", "otp", "signature")
_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

log = structlog.stdlib.get_logger("vitrine")
# Spans go wherever the process's OpenTelemetry SDK sends them; without one they cost next to nothing.
tracer = trace.get_tracer("vitrine")


def blank_secrets(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A structlog processor: blanks the value of every key that names a secret, at any depth."""
    return {key: _blank(key, value) for key, value in event.items()}


def _blank(key: str, value: object) -> object:
    if any(word in key.lower() for word in _SECRET):
        return "[blanked]"
    if isinstance(value, dict):
        return {str(name): _blank(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_blank("", inner) for inner in value]
    return value


def configure_logs(level: str, form: str) -> None:
    """Sets the process's logging up: `level` as in the settings, `form` json or console, to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        blank_secrets,
    ]
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=render, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("stamina").setLevel(logging.WARNING)


class Metrics:
    """The process's Prometheus metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Histogram(
            "vitrine_graphql_seconds",
            "Time to answer a GraphQL request.",
            ["outcome"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._upstream = Histogram(
            "vitrine_upstream_seconds",
            "Time of one read from an upstream, retries included.",
            ["upstream", "operation", "outcome"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._errors = Counter("vitrine_errors", "Errors given to callers, by code.", ["code"], registry=self.registry)

    @contextmanager
    def upstream(self, upstream: str, operation: str) -> Iterator[dict[str, str]]:
        """Times and traces a read from an upstream; the outcome is `ok` or the name of the exception.

        Gives the headers that let the upstream go on with the trace (W3C Trace Context).
        """
        started = time.perf_counter()
        outcome = "ok"
        headers: dict[str, str] = {}
        try:
            with tracer.start_as_current_span(
                f"{upstream} {operation}", kind=trace.SpanKind.CLIENT, record_exception=False
            ):
                propagate.inject(headers)
                yield headers
        except BaseException as error:
            outcome = type(error).__name__
            raise
        finally:
            self._upstream.labels(upstream, operation, outcome).observe(time.perf_counter() - started)

    def answered(self, outcome: str, seconds: float) -> None:
        """Notes an answered GraphQL request: `outcome` is ok or errors."""
        self._requests.labels(outcome).observe(seconds)

    def failed(self, code: str) -> None:
        """Notes an error that a caller was given."""
        self._errors.labels(code).inc()

    def text(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)

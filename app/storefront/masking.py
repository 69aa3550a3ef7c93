"""How errors leave: each with a code, and only with texts that are meant for callers."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from graphql import GraphQLError

from app.commerce.client import Problem
from app.errors import UpstreamFailed, VitrineError
from app.telemetry import Metrics, log

VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"


def public_errors(
    errors: Iterable[GraphQLError], problems: Sequence[Problem], metrics: Metrics
) -> list[dict[str, object]]:
    """The errors of a result as they are sent, and one for each part that Commerce left out of its answer.

    What was not raised on purpose becomes INTERNAL, with a reference under which the log has it.
    """
    sent = [_public(error) for error in errors]
    # Data came all the same, but a caller must be able to tell that a part of it is missing.
    sent += [
        {
            "message": "The shop's backend left a part of its answer out.",
            "extensions": {"code": UpstreamFailed.code, "partial": True, "upstreamPath": list(where)},
        }
        for where in dict.fromkeys(problem.where for problem in problems)
    ]
    for error in sent:
        extensions = error["extensions"]
        assert isinstance(extensions, dict)
        metrics.failed(str(extensions["code"]))
    return sent


def _public(error: GraphQLError) -> dict[str, object]:
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(cause, VitrineError):
        message, extensions = cause.public, cause.extensions
        if cause.status >= 500:
            log.warning("graphql.failed", code=cause.code, path=error.path, detail=cause.detail)
    elif cause is None or isinstance(cause, GraphQLError):
        message, extensions = error.message, {"code": VALIDATION_FAILED}
    else:
        reference = uuid.uuid4().hex
        log.error("graphql.internal_error", reference=reference, path=error.path, exc_info=cause)
        message, extensions = VitrineError.public, {"code": VitrineError.code, "reference": reference}
    sent: dict[str, object] = {"message": message}
    if error.locations:
        sent["locations"] = [location.formatted for location in error.locations]
    if error.path:
        sent["path"] = error.path
    sent["extensions"] = extensions
    return sent

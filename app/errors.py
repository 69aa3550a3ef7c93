"""Every error that Vitrine raises on purpose, as one tree.

    VitrineError
    ├── Rejected                          the caller's own doing: the message is written for him
    │   ├── BadInput                      BAD_USER_INPUT
    │   ├── UnknownAttribute              UNKNOWN_ATTRIBUTE
    │   ├── UnknownStore                  UNKNOWN_STORE
    │   ├── UnknownCurrency               UNKNOWN_CURRENCY
    │   ├── BadRequest                    BAD_REQUEST
    │   └── TooExpensive                  QUERY_TOO_EXPENSIVE
    ├── StateUnavailable                  STATE_UNAVAILABLE
    └── UpstreamError                     Commerce's doing: its text stays in our logs
        ├── UpstreamTimeout               UPSTREAM_TIMEOUT
        ├── UpstreamUnavailable           UPSTREAM_UNAVAILABLE
        ├── UpstreamInvalid               UPSTREAM_INVALID_RESPONSE
        ├── UpstreamRefused               UPSTREAM_REFUSED
        ├── UpstreamFailed                UPSTREAM_ERROR
        └── Unsupported                   UPSTREAM_UNSUPPORTED

Rooms that have errors of their own draw them where they are: app/auth (CROSS_SITE, SESSION_ENDED, SESSION_FULL),
app/attempts.py, app/idempotency.py, app/commerce/orders.py, app/storefront/addresses.py (COUNTRY_INVALID,
REGION_INVALID, FIELD_REQUIRED), app/storefront/checkout_steps.py and app/storefront/user_errors.py.

`code` is what a frontend reads in `extensions.code`, `status` the HTTP status when the error is the whole answer, and
`public` the only text of it that leaves the process. `detail` is for the log.
"""

from collections.abc import Iterable
from typing import ClassVar


class VitrineError(Exception):
    """The root of the tree: never raised itself."""

    code: ClassVar[str] = "INTERNAL"
    status: ClassVar[int] = 500
    public: str = "Something went wrong."

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.public)
        self.detail = detail

    @property
    def extensions(self) -> dict[str, object]:
        """What a GraphQL error of this kind carries in `extensions`."""
        return {"code": self.code}


class Rejected(VitrineError):
    """The caller asked for something that cannot be: `message` tells him what."""

    code = "REJECTED"
    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.public = message


class BadInput(Rejected):
    """An argument has a value that cannot be used; `argument` is its path, such as `filter[0].in`."""

    code = "BAD_USER_INPUT"

    def __init__(self, argument: str, message: str) -> None:
        super().__init__(f"{argument}: {message}")
        self.argument = argument

    @property
    def extensions(self) -> dict[str, object]:
        return {"code": self.code, "argument": self.argument}


class UnknownAttribute(BadInput):
    """The shop has no such attribute to filter or sort by; the known ones are named."""

    code = "UNKNOWN_ATTRIBUTE"

    def __init__(self, argument: str, attribute: str, known: Iterable[str]) -> None:
        self.known = sorted(known)
        super().__init__(argument, f"there is no attribute {attribute!r}; known are {', '.join(self.known)}")

    @property
    def extensions(self) -> dict[str, object]:
        return {**super().extensions, "known": self.known}


class UnknownStore(Rejected):
    """The `Store` header names no store view of the shop."""

    code = "UNKNOWN_STORE"


class UnknownCurrency(Rejected):
    """The `Content-Currency` header names no currency of the store view."""

    code = "UNKNOWN_CURRENCY"


class BadRequest(Rejected):
    """The HTTP request is no GraphQL request that can be answered."""

    code = "BAD_REQUEST"


class TooExpensive(Rejected):
    """The query is too deep, too wide or too large."""

    code = "QUERY_TOO_EXPENSIVE"


class StateUnavailable(VitrineError):
    """The state (sessions, locks, idempotency keys) cannot be reached: what needs it is refused."""

    code = "STATE_UNAVAILABLE"
    status = 503
    public = "This cannot be done right now. Nothing was changed; try again."


class UpstreamError(VitrineError):
    """Commerce did not answer as it should. `unsent`: nothing was sent to it, so that nothing can have happened."""

    code = "UPSTREAM_ERROR"
    status = 502
    public = "The shop's backend could not answer."

    def __init__(self, detail: str = "", *, unsent: bool = False) -> None:
        super().__init__(detail)
        self.unsent = unsent


class UpstreamTimeout(UpstreamError):
    """Commerce did not answer before the deadline."""

    code = "UPSTREAM_TIMEOUT"
    status = 504
    public = "The shop's backend did not answer in time."


class UpstreamUnavailable(UpstreamError):
    """Commerce could not be reached, is in maintenance, or is left alone after too many failures."""

    code = "UPSTREAM_UNAVAILABLE"
    status = 503
    public = "The shop's backend cannot be reached."


class UpstreamInvalid(UpstreamError):
    """Commerce answered with something that is not the JSON that its interface promises."""

    code = "UPSTREAM_INVALID_RESPONSE"
    public = "The shop's backend gave an answer that could not be read."


class UpstreamRefused(UpstreamError):
    """Commerce refused our credentials."""

    code = "UPSTREAM_REFUSED"
    public = "The shop's backend refused the request."


class UpstreamFailed(UpstreamError):
    """Commerce answered with errors; `category` is Commerce's word for the first of them."""

    def __init__(self, detail: str, category: str = "") -> None:
        super().__init__(detail)
        self.category = category


class Unsupported(UpstreamError):
    """The connected Commerce cannot answer this operation."""

    code = "UPSTREAM_UNSUPPORTED"
    status = 501
    public = "The connected Commerce does not offer this."

    def __init__(self, operation: str, reason: str) -> None:
        super().__init__(f"{operation}: {reason}", unsent=True)
        self.operation = operation

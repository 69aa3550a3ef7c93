"""`POST /webhooks/commerce`: who tells what has changed in Commerce, and is believed.

Two forms: deliveries of Adobe I/O Events, which Adobe signs; and a plain one for anybody who shares a secret with us:

    X-Vitrine-Signature: t=<seconds since the epoch>,v1=<hex HMAC-SHA256(secret, t + "." + body)>
    {"changes": [{"type": "product", "sku": "…"}, {"type": "category", "id": 3}], "store": "de"}

A delivery that is sent twice purges twice, which changes nothing. It is answered 200 only when the purge has reached
Redis and its repeats are kept: until then the sender must try again, and 503 tells him so.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Collection, Mapping
from typing import ClassVar

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from app.commerce.adobe_signatures import PAIRS, AdobeSignatures
from app.commerce.change_events import Nameless, Told, adobe_changes, adobe_events, plain, recipients
from app.commerce.changes import Change, Changes, Kind
from app.commerce.skus import Skus
from app.errors import BadRequest, Rejected, UnknownStore, UpstreamError, VitrineError
from app.telemetry import log

PATH = "/webhooks/commerce"
SIGNATURE = "x-vitrine-signature"
TOLERANCE = 300.0  # seconds between the sender's clock and ours
LARGEST = 1_048_576  # bytes of a body
LONGEST_CHALLENGE = 1024
JSON_TYPES = re.compile(r"application/(json|cloudevents\+json|cloudevents-batch\+json)")
_HEADER = re.compile(r"t=([0-9]{1,12})((?:,v1=[0-9a-f]{64}){1,5})")
_VALIDATION = re.compile(r"https://[a-z0-9.-]+\.adobe\.io/[\x21-\x7e]{1,300}")
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Unsigned(Rejected):
    """The delivery is not signed by anybody who is believed."""

    code = "SIGNATURE_INVALID"
    status: ClassVar[int] = 401


class TooLarge(BadRequest):
    """The delivery is larger than any that is expected."""

    status: ClassVar[int] = 413


class NoJson(BadRequest):
    """The delivery is of another media type."""

    status: ClassVar[int] = 415


class Webhooks:
    """The door. `secrets` are those of the plain form, any of which is good, so that they can be changed one by one.
    `adobe` and `client_id` are for Adobe's form; None and empty shut it. `known` tells the store views' codes, and
    `clock` is the time in seconds since the epoch."""

    def __init__(
        self,
        changes: Changes,
        skus: Skus,
        *,
        secrets: Collection[str] = (),
        adobe: AdobeSignatures | None = None,
        client_id: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._changes = changes
        self._skus = skus
        self._secrets = [secret.encode() for secret in secrets]
        self._adobe = adobe
        self._client_id = client_id
        self._clock = clock

    def routes(self) -> list[Route]:
        """Where the door is; nowhere, when nobody could be believed."""
        if not self._secrets and self._adobe is None:
            return []
        methods = ["POST", "GET"] if self._adobe is not None else ["POST"]
        return [Route(PATH, endpoint=self.__call__, methods=methods)]

    async def __call__(self, request: Request) -> Response:
        try:
            if request.method != "POST":
                return _challenge(request)
            return await self._take(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except VitrineError as error:
            return _refusal(error)

    async def _take(self, request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not JSON_TYPES.fullmatch(kind):
            raise NoJson("send the delivery as application/json")
        body = await _body(request)
        headers = _once(request)
        if self._adobe is not None and any(name in headers for name, _ in PAIRS):
            told = await self._of_adobe(self._adobe, headers, body)
        elif SIGNATURE in headers:
            self._check(headers[SIGNATURE], body)
            told = plain(_loads(body))
        elif self._adobe is not None and _is_validation(body):
            return JSONResponse({"validated": False}, headers=HEADERS)
        else:
            raise Unsigned("the delivery is not signed")
        if told.stores and not await self._changes.stores() >= set(told.stores):
            raise UnknownStore("there is no such store view")
        await self._changes.apply(told.changes, told.stores)
        log.info("webhook.taken", changes=len(told.changes))
        return JSONResponse({"changes": len(told.changes)}, headers=HEADERS)

    def _check(self, header: str, body: bytes) -> None:
        """Raises `Unsigned`, saying no more than that."""
        parts = _HEADER.fullmatch(header)
        if parts is None or not self._secrets:
            raise Unsigned("the signature is not good")
        told = parts[1].encode() + b"." + body
        given = [each.removeprefix("v1=") for each in parts[2].strip(",").split(",")]
        good = False
        for secret in self._secrets:
            right = hmac.digest(secret, told, hashlib.sha256).hex()
            for each in given:
                # No early end: the time must not tell which secret or part was right.
                good |= hmac.compare_digest(right, each)
        if not good or abs(self._clock() - int(parts[1])) > TOLERANCE:
            raise Unsigned("the signature is not good")

    async def _of_adobe(self, adobe: AdobeSignatures, headers: Mapping[str, str], body: bytes) -> Told:
        """Whom it is for comes first, as in Adobe's guide: strangers who do not know it make us fetch no key."""
        events = adobe_events(_loads(body))
        wanted = self._client_id.encode()
        for recipient in recipients(events):
            if not isinstance(recipient, str) or not hmac.compare_digest(recipient.encode(), wanted):
                raise Unsigned("the delivery is for somebody else")
        if not await adobe.good(headers, body):
            raise Unsigned("the signature is not good")
        found = adobe_changes(events)
        changes = {each for each in found if isinstance(each, Change)}
        numbers = {each.product_id for each in found if isinstance(each, Nameless)}
        changes |= {Change(Kind.STOCK, sku) for sku in await self._skus.of(numbers)}
        return Told(tuple(changes))


def _challenge(request: Request) -> Response:
    """Adobe asks whether this is ours to register: by a word that is to be repeated."""
    word = request.query_params.get("challenge", "")
    if not word or len(word) > LONGEST_CHALLENGE or not word.isprintable():
        raise BadRequest("there is no challenge")
    return PlainTextResponse(word, headers={**HEADERS, "Content-Security-Policy": "sandbox; default-src 'none'"})


def _is_validation(body: bytes) -> bool:
    """Whether Adobe sent a URL that a person shall open, since the challenge was not answered. It is not opened here:
    the body is signed by nobody."""
    given = _loads(body)
    url = given.get("validationUrl") if isinstance(given, dict) else None
    if not isinstance(url, str) or not _VALIDATION.fullmatch(url):
        return False
    log.warning("webhook.validation_asked", open_to_register=url)
    return True


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise TooLarge(f"the delivery is larger than {LARGEST} bytes")
    return bytes(body)


def _once(request: Request) -> dict[str, str]:
    """The headers. One of ours that is sent twice has no meaning."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        if name in found and (name == SIGNATURE or name.startswith("x-adobe-")):
            raise Unsigned("the signature is not good")
        found[name] = value
    return found


def _loads(body: bytes) -> object:
    try:
        found: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadRequest("the delivery is no JSON") from None
    return found


def _refusal(error: VitrineError) -> Response:
    # What cannot be told now is for the sender to try again, whatever kept us from it.
    status = 503 if isinstance(error, UpstreamError) else error.status
    log.warning("webhook.refused", code=error.code, status=status, detail=error.detail)
    body = {"error": {"code": error.code, "message": error.public}}
    headers = {**HEADERS, "Retry-After": "60"} if status == 503 else HEADERS
    return JSONResponse(body, status_code=status, headers=headers)

"""The doors of signing in. None of them gives a token to a browser, and none is cached anywhere."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import get_args

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from app.attempts import Attempts
from app.auth.backchannel import Backchannel
from app.auth.caller import Caller, address_of
from app.auth.end_session import PATH, STATE, EndSessions
from app.auth.identity import IDENTITY, Identity
from app.auth.native import CHALLENGE, Codes
from app.auth.oidc import Failed, Logins, Wish
from app.auth.origin import check_native, check_read, check_unsafe
from app.auth.providers import LONGEST_AGE, Prompt, Provider
from app.auth.refreshing import Refreshing
from app.auth.refusals import LoginRefused, Reason
from app.auth.return_to import ReturnTo, Target
from app.auth.sessions import Data, Session, SessionEnded, SessionFull, Sessions, clear_cookie, set_cookie, token_of
from app.errors import BadRequest, Rejected, VitrineError
from app.telemetry import Metrics, log

HEADERS = {
    "Cache-Control": "no-store",
    # The URLs here have codes in them.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
}
LARGEST_BODY = 4096  # bytes
LARGEST_FORM = 16_384  # bytes; a logout token with room to spare
_PROMPTS = frozenset(get_args(Prompt))
_AGE = re.compile(r"[0-9]{1,8}")
_STATUS = {
    Reason.RETURN_TO: 400,
    Reason.REQUEST: 400,
    Reason.PROVIDER_UNKNOWN: 400,
    Reason.CODE: 400,
    Reason.PROVIDER_AWAY: 503,
}
_PARAMETERS = frozenset({"provider", "return_to", "prompt", "max_age", "code_challenge", "code_challenge_method"})

Door = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Place:
    """How browsers reach us: our own origin, the others that may call, and how long a browser keeps a session."""

    origin: str
    allowed_origins: frozenset[str]
    session_age: float

    @property
    def secure(self) -> bool:
        """Whether by https."""
        return self.origin.startswith("https://")


class Doors:
    """The doors under /auth. `attempts` are the logins that one caller may begin; `clock` tells the seconds since the
    epoch."""

    def __init__(
        self,
        logins: Logins,
        sessions: Sessions,
        codes: Codes,
        end_sessions: EndSessions,
        backchannel: Backchannel,
        refreshing: Refreshing,
        return_to: ReturnTo,
        place: Place,
        metrics: Metrics,
        attempts: Attempts,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._logins, self._sessions, self._codes, self._end_sessions = logins, sessions, codes, end_sessions
        self._backchannel, self._refreshing = backchannel, refreshing
        self._return_to, self._place, self._metrics, self._clock = return_to, place, metrics, clock
        self._attempts = attempts

    def routes(self) -> list[Route]:
        """Where the doors are."""
        doors: list[tuple[str, str, Door]] = [
            ("/auth/login", "GET", self._login),
            ("/auth/callback", "GET", self._callback),
            ("/auth/callback/{provider}", "GET", self._callback),
            ("/auth/session", "GET", self._session),
            ("/auth/token", "POST", self._token),
            ("/auth/logout", "POST", self._logout),
            (PATH, "GET", self._end_session),
            ("/auth/backchannel-logout", "POST", self._logged_out),
        ]
        return [Route(path, endpoint=self._guarded(door, method), methods=[method]) for path, method, door in doors]

    def _guarded(self, door: Door, method: str) -> Door:
        async def guarded(request: Request) -> Response:
            try:
                # Starlette has HEAD go wherever GET goes: what looks at links would use a login up.
                if request.method != method:
                    return PlainTextResponse("", 405, {**HEADERS, "Allow": method})
                return await door(request)
            except ClientDisconnect:
                return Response(status_code=400)
            except VitrineError as error:
                return self._refusal(error, request)

        return guarded

    # Signing in

    async def _login(self, request: Request) -> Response:
        query = dict(request.query_params)
        if len(query) != len(request.query_params.multi_items()) or not set(query) <= _PARAMETERS:
            raise LoginRefused(Reason.REQUEST, "a parameter is unknown or given twice")
        target = self._return_to.check(query.get("return_to", ""))
        try:
            wish = self._wish(query, target)
            # Each one is kept until its browser comes back, which it need not do.
            await self._attempts.take(Caller(address_of(request.client.host if request.client else None)).network)
            begun = await self._logins.start(wish, request.headers)
        except LoginRefused as error:
            return self._back(error, target)
        response = _redirect(begun.url)
        for cookie in begun.cookies:
            response.headers.append("Set-Cookie", cookie)
        return response

    def _wish(self, query: dict[str, str], target: Target) -> Wish:
        prompt, age, challenge = query.get("prompt"), query.get("max_age"), query.get("code_challenge")
        if prompt is not None and prompt not in _PROMPTS:
            raise LoginRefused(Reason.REQUEST, "no such prompt")
        if age is not None and (not _AGE.fullmatch(age) or int(age) > LONGEST_AGE):
            raise LoginRefused(Reason.REQUEST, "max_age is no number of seconds")
        method = "S256" if target.app else None
        if target.app != (challenge is not None) or query.get("code_challenge_method") != method:
            raise LoginRefused(Reason.REQUEST, "apps, and nobody else, give a code_challenge by S256")
        if challenge is not None and not CHALLENGE.fullmatch(challenge):
            raise LoginRefused(Reason.REQUEST, "code_challenge is none of S256")
        return Wish(self._provider(query), target, prompt, int(age) if age is not None else None, challenge)

    def _provider(self, query: dict[str, str]) -> Provider:
        providers = self._logins.providers
        found = providers.get(query["provider"]) if "provider" in query else providers.only
        if found is None:
            raise LoginRefused(Reason.PROVIDER_UNKNOWN, "there is no such provider, or several to choose from")
        return found

    async def _callback(self, request: Request) -> Response:
        query = request.query_params.multi_items()
        try:
            finished = await self._logins.finish(query, request.headers, request.path_params.get("provider"))
            response = await self._enter(request, finished.identity, finished.target, finished.challenge)
        except Failed as error:
            response = self._back(error, error.target)
        except LoginRefused as error:
            response = self._refusal(error, request)
        if cookie := self._logins.forget(query):
            response.headers.append("Set-Cookie", cookie)
        return response

    async def _enter(self, request: Request, identity: Identity, target: Target, challenge: str | None) -> Response:
        if challenge is not None:
            response = _redirect(target.with_code(await self._codes.make(identity, challenge)))
        else:
            try:
                session = await self._signed_in(token_of(request.headers, secure=self._place.secure), identity)
            except SessionFull:
                return self._back(LoginRefused(Reason.TOO_LARGE, "the session cannot hold it"), target)
            except SessionEnded:
                return self._back(LoginRefused(Reason.LOGGED_OUT, "the provider logged him out meanwhile"), target)
            response = _redirect(target.url)
            cookie = set_cookie(session, secure=self._place.secure, max_age=self._place.session_age)
            response.headers.append("Set-Cookie", cookie)
        log.info("login.finished", provider=identity.provider, app=target.app)
        return response

    async def _signed_in(self, token: str | None, identity: Identity) -> Session:
        """The session of whoever has just signed in, under a new id. A guest's cart comes along; what another customer
        left in this browser does not."""

        def put(data: Data) -> Data:
            before = Identity.of(data)
            return {**(data if before is None or identity.is_same(before) else {}), IDENTITY: identity.data()}

        session = await self._sessions.open(token)
        if session is not None:
            with suppress(SessionEnded):
                return await self._sessions.enter(session, put)
        # Another tab may have signed him in at the same moment: whichever answer comes last, the browser has this one.
        twin = await self._sessions.entered(token) if token is not None else None
        if twin is not None and identity.is_same(Identity.of(twin.data)):
            with suppress(SessionEnded):
                return await self._sessions.change(twin, put)
        return await self._sessions.enter(None, put)

    async def _token(self, request: Request) -> Response:
        check_native(request.headers)
        if _media_type(request) != "application/json":
            raise BadRequest("send the request as application/json")
        given = await _body(request)
        identity = await self._codes.exchange(given.get("code"), given.get("code_verifier"))
        try:
            session = await self._signed_in(token_of(request.headers, secure=self._place.secure), identity)
        except SessionFull:
            raise LoginRefused(Reason.TOO_LARGE, "the session cannot hold it") from None
        except SessionEnded:
            raise LoginRefused(Reason.LOGGED_OUT, "the provider logged him out meanwhile") from None
        log.info("login.exchanged", provider=identity.provider)
        return _json({"session": session.token, "until": self._sessions.until(session)})

    # Being signed in

    async def _session(self, request: Request) -> Response:
        check_read(request.headers, self._place.allowed_origins, self._place.origin)
        session = await self._sessions.open(token_of(request.headers, secure=self._place.secure))
        if session is not None:
            session = await self._refreshing.fresh(session)
        identity = Identity.of(session.data) if session is not None else None
        if session is None or identity is None:
            return _json({"signedIn": False})
        told = {
            "signedIn": True,
            "provider": identity.provider,
            "name": identity.name,
            "firstName": identity.first_name,
            "lastName": identity.last_name,
            "email": identity.email,
            "emailVerified": identity.email_verified,
            "authTime": identity.auth_time,
            "until": self._sessions.until(session),
        }
        return _json(told)

    async def _logout(self, request: Request) -> Response:
        check_unsafe(request.headers, self._place.allowed_origins, self._place.origin)
        query = dict(request.query_params)
        if len(query) != len(request.query_params.multi_items()) or not set(query) <= {"return_to", "state"}:
            raise LoginRefused(Reason.REQUEST, "a parameter is unknown or given twice")
        target, state = None, query.get("state")
        if "return_to" in query:
            target = self._return_to.check(query["return_to"])
        if state is not None and (target is None or not STATE.fullmatch(state)):
            raise LoginRefused(Reason.REQUEST, "state goes with a return_to, and has 255 printable characters at most")
        session = await self._sessions.open(token_of(request.headers, secure=self._place.secure))
        identity = Identity.of(session.data) if session is not None else None
        if session is not None:
            await self._sessions.end(session)
            log.info("logout.finished")
        # Last: a provider that is away keeps nobody signed in here.
        way = await self._end_sessions.way(identity, target, state) if identity is not None else None
        response = _json({"signedIn": False, "logoutUrl": way})
        response.headers.append("Set-Cookie", clear_cookie(self._place.secure))
        return response

    async def _end_session(self, request: Request) -> Response:
        return _redirect(await self._end_sessions.follow(request.query_params.get("ticket", "")))

    async def _logged_out(self, request: Request) -> Response:
        try:
            if _media_type(request) != "application/x-www-form-urlencoded":
                raise BadRequest("send the request as application/x-www-form-urlencoded")
            await self._backchannel.log_out(await _bytes(request, LARGEST_FORM))
        except VitrineError as error:
            self._note(error, "logout.refused")
            # Section 2.8: whatever it was, the logout failed.
            body = {
                "error": "invalid_request",
                "error_description": error.detail if isinstance(error, Rejected) else error.public,
            }
            return JSONResponse(body, status_code=400, headers=HEADERS)
        return Response(status_code=200, headers=HEADERS)

    # Refusing

    def _back(self, error: LoginRefused, target: Target) -> Response:
        """To where the login was to lead, with our word for why it did not."""
        self._note(error)
        return _redirect(target.with_error(error.reason))

    def _refusal(self, error: VitrineError, request: Request) -> Response:
        self._note(error)
        reason = error.reason if isinstance(error, LoginRefused) else error.code
        status = _STATUS.get(error.reason, error.status) if isinstance(error, LoginRefused) else error.status
        if "text/html" in request.headers.get("accept", ""):
            return PlainTextResponse(f"Go back to the shop and try again. ({reason})\n", status, HEADERS)
        body = {"error": {"code": error.code, "message": error.public, "reason": reason}}
        return JSONResponse(body, status_code=status, headers=HEADERS)

    def _note(self, error: VitrineError, event: str = "login.refused") -> None:
        self._metrics.failed(error.code)
        reason = str(error.reason) if isinstance(error, LoginRefused) else error.code
        log.warning(event, reason=reason, detail=error.detail)


def _redirect(url: str) -> Response:
    return Response(status_code=303, headers={**HEADERS, "Location": url})


def _json(body: object) -> Response:
    return JSONResponse(body, headers=HEADERS)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _bytes(request: Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise BadRequest(f"the request is larger than {most} bytes")
    return bytes(body)


async def _body(request: Request) -> dict[str, object]:
    try:
        given = orjson.loads(await _bytes(request, LARGEST_BODY))
    except orjson.JSONDecodeError:
        raise BadRequest("the request is no JSON") from None
    if not isinstance(given, dict):
        raise BadRequest("the request is no JSON object")
    return given

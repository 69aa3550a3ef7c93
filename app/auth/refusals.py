"""Why a login or a call without one is refused: each reason is a word that storefronts can act upon."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from app.errors import Rejected


class Reason(StrEnum):
    """What a storefront reads in `login_error`. docs/sign-in.md says what each means."""

    PROVIDER_UNKNOWN = "provider_unknown"
    RETURN_TO = "return_to_not_allowed"
    REQUEST = "request_invalid"
    STATE = "state_invalid"
    DENIED = "denied"
    INTERACTION = "interaction_required"
    PROVIDER_ERROR = "provider_error"
    PROVIDER_AWAY = "provider_unavailable"
    PROVIDER_UNFIT = "provider_unfit"
    ISSUER = "issuer_mismatch"
    ANSWER = "answer_invalid"
    TOKEN = "token_invalid"  # noqa: S105 - a reason, no token
    AUTH_TOO_OLD = "sign_in_too_old"
    USERINFO = "userinfo_invalid"
    TOO_LARGE = "identity_too_large"
    CODE = "code_invalid"
    LOGGED_OUT = "logged_out"


class LoginRefused(Rejected):
    """A login that does not take place. `detail` is for the log, and has nothing in it that was sent to us."""

    code: ClassVar[str] = "LOGIN_REFUSED"
    status: ClassVar[int] = 403

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__("The login was refused.")
        self.reason = reason
        self.detail = detail

    @property
    def extensions(self) -> dict[str, object]:
        return {"code": self.code, "reason": str(self.reason)}


class Unauthenticated(Rejected):
    """What was asked for needs a shopper who is signed in (`SIGN_IN`), or who proved it lately (`STEP_UP`)."""

    code: ClassVar[str] = "UNAUTHENTICATED"
    status: ClassVar[int] = 401

    def __init__(self, reason: str, login_url: str) -> None:
        super().__init__("Sign in first." if reason == "SIGN_IN" else "Sign in again first.")
        self.reason = reason
        self.login_url = login_url

    @property
    def extensions(self) -> dict[str, object]:
        return {"code": self.code, "reason": self.reason, "loginUrl": self.login_url}

"""Persons whom a provider has told of: their sessions, as a login leaves them."""

from __future__ import annotations

import hashlib

from app.auth.identity import IDENTITY, Identity
from app.main import Parts, sessions_of
from tests.journeys.storefront import SignIn

ISSUER = "https://id.journey.example"


def signing_in(parts: Parts) -> SignIn:
    """Signs persons in at this application, without a provider."""

    async def sign_in(token: str | None, email: str) -> str:
        sessions = sessions_of(parts)
        assert sessions is not None
        subject = hashlib.sha256(email.encode()).hexdigest()[:20]
        told = Identity("id", ISSUER, subject, 0.0, email=email, email_verified=True, first_name="Jo", last_name="Doe")
        entered = await sessions.enter(await sessions.open(token), lambda data: {**data, IDENTITY: told.data()})
        return entered.token

    return sign_in

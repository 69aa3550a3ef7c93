"""Which changes need a shopper who has proved lately who he is, and where he goes to do so."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from app.auth.identity import require
from app.auth.refusals import Unauthenticated
from app.storefront.shopper import Shopper


@dataclass(frozen=True, slots=True)
class StepUp:
    """`ages`: for mutations by name, how many seconds ago the proof may be; the others need none. `login_url` is where
    shoppers sign in; `clock` tells the seconds since the epoch."""

    login_url: str = ""
    ages: Mapping[str, float] = field(default_factory=dict)
    clock: Callable[[], float] = time.time

    def check_names(self, known: Collection[str]) -> None:
        """Raises `ValueError` for a mutation that there is not: whoever named it would rely on it."""
        unknown = sorted(set(self.ages) - set(known))
        if unknown:
            raise ValueError(f"STEP_UP: there is no mutation {', '.join(unknown)}")

    async def check(self, mutation: str, shopper: Shopper) -> None:
        """Raises `Unauthenticated` for a shopper who has to sign in, or to prove again who he is, before this; and
        `StateUnavailable`."""
        if mutation in self.ages:
            session = await shopper.opened()
            require(session, login_url=self.login_url, now=self.clock(), max_age=self.ages[mutation])

    def sign_in(self) -> Unauthenticated:
        """The error of what only who is signed in may do."""
        return Unauthenticated("SIGN_IN", self.login_url)

"""Changes that need a shopper who has proved lately who he is."""

from __future__ import annotations

import time
from typing import Any

import pytest

from app.main import create_app
from tests.conftest import Api, settings
from tests.exchange_stage import arrive, customer, exchanging, headers, person
from tests.test_account import AUSTIN, CREATE, RENAME, do
from tests.test_cart import ADD, UNSAFE

LOGIN = "https://api.shop.example/auth/login"
GIVEN: dict[str, Any] = {"public_url": "https://api.shop.example", "step_up": (("customerAddAddress", 300),)}


async def refused(api: Api, sent: dict[str, str]) -> dict[str, Any]:
    [error] = (await api.ask(CREATE, sent, address=AUSTIN))["errors"]
    found: dict[str, Any] = error["extensions"]
    return found


@pytest.mark.parametrize("ago", [301.0, 86_400.0, None])
async def test_who_proved_it_too_long_ago_or_nobody_knows_when_proves_it_again(ago: float | None) -> None:
    async with exchanging(**GIVEN) as api:
        when = time.time() - ago if ago is not None else None
        session = await arrive(api, person(auth_time=when))
        api.forget()
        told = await refused(api, headers(session))
        assert (told["code"], told["reason"]) == ("UNAUTHENTICATED", "STEP_UP")
        assert told["loginUrl"] == f"{LOGIN}?provider=id&max_age=300"
        assert api.operations() == []


async def test_who_has_just_proved_it_goes_on() -> None:
    async with exchanging(**GIVEN) as api:
        session = await arrive(api, person(auth_time=time.time() - 200))
        assert (await do(api, session, CREATE, address=AUSTIN))["userErrors"] == []
        assert [each["city"] for each in customer(api).addresses] == ["Austin"]


async def test_a_guest_signs_in() -> None:
    async with exchanging(**GIVEN) as api:
        told = await refused(api, UNSAFE)
        assert (told["code"], told["reason"], told["loginUrl"]) == (
            "UNAUTHENTICATED",
            "SIGN_IN",
            f"{LOGIN}?max_age=300",
        )


async def test_another_name_for_the_field_hides_nothing_and_what_is_not_named_needs_nothing() -> None:
    async with exchanging(**GIVEN) as api:
        session = await arrive(api, person(auth_time=1.0))
        hidden = CREATE.replace("customerAddAddress(", "customerUpdate: customerAddAddress(")
        [error] = (await api.ask(hidden, headers(session), address=AUSTIN))["errors"]
        assert error["extensions"]["reason"] == "STEP_UP"
        assert (await do(api, session, RENAME, first="Janet"))["userErrors"] == []
        assert (await do(api, session, ADD, lines=[{"sku": "TT-C01"}]))["userErrors"] == []
        assert customer(api).addresses == []


def test_a_mutation_that_there_is_not_keeps_the_api_from_starting() -> None:
    with pytest.raises(ValueError, match="STEP_UP: there is no mutation customerRemoveAdress"):
        create_app(settings(step_up="customerRemoveAdress:300"))


@pytest.mark.parametrize(
    "value", ["customerUpdate", "customerUpdate:", ":300", "customerUpdate:-1", "customerUpdate:soon"]
)
def test_what_is_no_number_of_seconds_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="step_up"):
        settings(step_up=value)

"""A customer's token in a session: minted again before it runs out or when refused, by one call at a time, never revoked."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from app.auth.person import CUSTOMER
from app.auth.sessions import Session
from app.main import sessions_of
from app.redis_client import MEMORY
from app.sandbox.commerce import VERSIONS, Fault
from tests.conftest import Api
from tests.exchange_stage import (
    add_customer,
    arrive,
    as_integration,
    customer,
    exchanging,
    headers,
    lines,
    person,
    reopened,
    sign_in,
    signed,
)
from tests.signed_in import SKU, price_by_group
from tests.test_cart import ADD
from tests.test_checkout import OAKLAND, PLACE, SET_ADDRESS, SET_EMAIL, SET_PAYMENT, SET_SHIPPING

MINTS = ("CustomerTokenAsAdmin", "CustomerTokenExchange", "CustomerToken", "/rest/V1/customers/5/token")


def minted(api: Api) -> int:
    return sum(name in MINTS for name in api.operations())


def kill(api: Api, email: str = "jane@example.com") -> None:
    """Kills all tokens of the customer, as a password that is changed does."""
    api.commerce.shop.customer_tokens.revoke(customer(api, email).id)


async def add(api: Api, session: Any, sku: str = "TT-C01") -> dict[str, Any]:
    answer = await api.data(ADD, headers(session), lines=[{"sku": sku}])
    payload: dict[str, Any] = answer["cartAdd"]
    assert payload["userErrors"] == []
    return payload


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_asked_of_his_cart_is_asked_with_the_customers_token(version: str) -> None:
    async with exchanging(version) as api:
        session = await sign_in(api, person())
        api.forget()
        await add(api, session)
        assert await lines(api, session) == {"TT-C01": 1}
        token = signed(session).token
        sent = [seen.headers.get("authorization") for seen in api.commerce.requests]
        assert set(sent) == {f"Bearer {token}"}
        [cart] = api.commerce.carts.values()
        assert (cart.customer, len(cart.lines)) == (customer(api).id, 1)
        assert minted(api) == 0


async def test_a_token_is_minted_again_before_it_runs_out_and_the_old_one_is_not_used() -> None:
    async with exchanging() as api:
        # Commerce's clock is behind: by ours, the token has run out as soon as it is there.
        api.commerce.shop.now = lambda: time.time() - 3600
        session = await sign_in(api, person())
        old = signed(session).token
        api.commerce.shop.now = time.time
        api.forget()
        assert await lines(api, session) == {}
        assert minted(api) == 1
        assert old not in repr([seen.headers for seen in api.commerce.requests])
        again = signed(await reopened(api, session))
        assert again.token != old
        assert time.time() + 3400 < again.until < time.time() + 3600
        await lines(api, session)
        assert minted(api) == 1


async def test_a_token_that_says_nothing_of_its_end_is_taken_for_an_hour() -> None:
    async with exchanging() as api:
        api.commerce.shop.customer_tokens.opaque = True
        session = await sign_in(api, person())
        assert time.time() + 3500 < signed(session).until < time.time() + 3560


@pytest.mark.parametrize(
    ("version", "given"),
    [("2.4.4", {}), ("2.4.8", as_integration({"sso_password_keys": "1:" + "QUJD" * 12})), ("2.4.9", {})],
)
async def test_a_token_that_is_refused_is_minted_again_once_and_the_change_is_made_once(
    version: str, given: dict[str, Any]
) -> None:
    async with exchanging(version, **given) as api:
        session = await sign_in(api, person())
        kill(api)
        api.forget()
        await add(api, session)
        assert minted(api) == 1
        assert api.operations().count("AddToCart") == 2
        assert await lines(api, session) == {"TT-C01": 1}
        assert minted(api) == 1


async def test_a_token_that_is_refused_again_and_again_is_minted_once_for_an_operation() -> None:
    async with exchanging() as api:
        session = await sign_in(api, person())
        refusal = {
            "errors": [
                {
                    "message": "The current customer isn't authorized.",
                    "extensions": {"category": "graphql-authorization"},
                    "path": ["cart"],
                }
            ],
            "data": {"cart": None},
        }
        api.commerce.faults.add(Fault("wrong_shape", times=None, match="Cart", body=refusal))
        api.forget()
        assert await api.data(
            "{ cart { quantity } again: cart { quantity } checkout { ready } }", headers(session)
        ) == {"cart": None, "again": None, "checkout": None}
        assert minted(api) == 1


async def test_parallel_calls_with_a_dead_token_mint_one_across_two_processes(redis_url: str) -> None:
    async with (
        exchanging(redis_state_url=redis_url) as api,
        exchanging(redis_state_url=redis_url, commerce=api.commerce) as other,
    ):
        session = await sign_in(api, person("many"))
        await add(api, session)
        kill(api)
        api.forget()
        found = await asyncio.gather(*(lines(each, session) for each in (api, other) * 6))
        assert found == [{"TT-C01": 1}] * 12
        assert minted(api) == 1


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_signing_out_leaves_the_customers_other_devices_signed_in(version: str) -> None:
    async with exchanging(version) as api:
        here, there = await sign_in(api, person()), await sign_in(api, person())
        await add(api, here)
        sessions = sessions_of(api.parts)
        assert sessions is not None
        await sessions.end(here)
        api.forget()
        assert await lines(api, there) == {"TT-C01": 1}
        assert minted(api) == 0
        assert signed(here).token in api.commerce.shop.customer_tokens.alive
        assert "revokeCustomerToken" not in repr([seen.query for seen in api.commerce.requests])


async def test_a_sign_out_while_a_token_is_minted_does_not_bring_the_session_back() -> None:
    async with exchanging() as api:
        session = await sign_in(api, person())
        kill(api)
        sessions = sessions_of(api.parts)
        assert sessions is not None
        fault = api.commerce.faults.add(Fault("slow", match="CustomerTokenAsAdmin", seconds=0.3))
        asking = asyncio.create_task(api.codes("{ cart { quantity } }", headers(session)))
        while not fault.fired:
            await asyncio.sleep(0.01)
        await sessions.end(session)
        assert await asking == ["SESSION_ENDED"]
        assert await sessions.open(session.token) is None


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_order_is_placed_as_the_customer_even_if_his_token_is_dead(version: str) -> None:
    async with exchanging(version) as api:
        session = await sign_in(api, person())
        told = headers(session)
        await add(api, session, "TT-C12")
        for query, variables in (
            (SET_ADDRESS, {"address": OAKLAND, "same": True}),
            (SET_SHIPPING, {"carrier": "flatrate", "method": "flatrate"}),
            (SET_PAYMENT, {"code": "checkmo", "number": None}),
        ):
            kill(api)
            [payload] = (await api.data(query, told, **variables)).values()
            assert payload["userErrors"] == []
        assert payload["checkout"]["missing"] == []
        kill(api)
        placed = (await api.data(PLACE, told, key="as-the-customer", agreements=["1"]))["checkoutPlaceOrder"]
        assert placed["userErrors"] == []
        [order] = api.commerce.orders
        assert (order.increment_id, order.customer, order.email) == (
            placed["number"],
            customer(api).id,
            "jane@example.com",
        )
        again = (await api.data(PLACE, told, key="as-the-customer", agreements=["1"]))["checkoutPlaceOrder"]
        assert again["number"] == order.increment_id
        assert await lines(api, session) == {}
        assert len(api.commerce.orders) == 1


async def test_a_token_that_dies_between_the_last_step_and_the_order_is_minted_again() -> None:
    async with exchanging("2.4.4") as api:
        session = await sign_in(api, person())
        told = headers(session)
        await add(api, session, "TT-V02")
        await api.data(SET_ADDRESS, told, address=OAKLAND, same=True)
        await api.data(
            "mutation($a: AddressInput!) { checkoutSetBillingAddress(address: $a) { userErrors { code } } }",
            told,
            a=OAKLAND,
        )
        await api.data(SET_PAYMENT, told, code="checkmo", number=None)
        original = api.commerce._engine.places

        def killing(query: str) -> bool:
            if original(query) and not api.commerce.orders and minted(api) == 0:
                kill(api)
            return original(query)

        api.commerce._engine.places = killing  # type: ignore[method-assign]
        api.forget()
        placed = (await api.data(PLACE, told, key="dies-at-the-end", agreements=["1"]))["checkoutPlaceOrder"]
        assert placed["userErrors"] == []
        assert (api.operations().count("PlaceOrder"), minted(api)) == (2, 1)
        assert [order.customer for order in api.commerce.orders] == [customer(api).id]


async def test_the_address_of_a_customer_is_his_own_and_cannot_be_set() -> None:
    async with exchanging() as api:
        session = await sign_in(api, person())
        await add(api, session)
        payload = (await api.data(SET_EMAIL, headers(session), email="mallory@example.com"))["checkoutSetEmail"]
        assert len(payload["userErrors"]) == 1
        [cart] = api.commerce.carts.values()
        assert cart.email == "jane@example.com"


async def test_an_identity_without_a_customer_is_signed_in_by_the_first_call_that_needs_it() -> None:
    async with exchanging() as api:
        session = await arrive(api, person())
        assert await lines(api, session) == {}
        assert signed(await reopened(api, session)).id == customer(api).id
        other = await arrive(api, person("s-2", "joe@example.com", email_verified=False))
        assert await api.codes("{ cart { quantity } }", headers(other)) == ["SSO_EMAIL_UNVERIFIED"]
        shown = await api.data('{ search(text: "jacket") { total } }', headers(other))
        assert shown["search"]["total"] > 0
        assert CUSTOMER not in (await reopened(api, other)).data


async def test_with_a_dead_token_the_customers_group_and_guests_are_shown_what_is_theirs(redis_url: str) -> None:
    async with exchanging("2.4.9", redis_cache_url=redis_url) as api:
        price_by_group(api.commerce)
        query = f'{{ product(sku: "{SKU}") {{ price {{ final {{ amount }} }} }} }}'
        guests = (await api.data(query))["product"]
        session = await sign_in(api, person())
        customer(api).group = 2
        session = await sign_in(api, person(), session=session)
        wholesale = (await api.data(query, headers(session)))["product"]
        assert wholesale != guests
        kill(api)
        for _ in range(3):
            assert (await api.data(query))["product"] == guests
            assert (await api.data(query, headers(session)))["product"] in (wholesale, guests)
        # The next thing that only he may see gets him another token, and his group's prices with it.
        await lines(api, session)
        assert (await api.data(query, headers(session)))["product"] == wholesale
        assert (await api.data(query))["product"] == guests


PRICED = f'{{ product(sku: "{SKU}") {{ price {{ final {{ amount }} }} }} }}'


async def amount(api: Api, session: Session | None = None, store: str = "default") -> str:
    found = await api.data(PRICED, headers(session, store) if session else {"Store": store})
    shown: str = found["product"]["price"]["final"]["amount"]
    return shown


async def test_who_has_just_signed_in_is_not_shown_the_whole_answer_that_is_kept_for_guests() -> None:
    async with exchanging("2.4.9", redis_cache_url=MEMORY, sso_groups=(("wholesale", 2),)) as api:
        price_by_group(api.commerce)
        guests = await amount(api)
        assert await amount(api) == guests
        session = await arrive(api, person(groups=("wholesale",)))
        assert await amount(api, session) != guests
        assert await amount(api) == guests


async def test_in_another_website_nobody_is_shown_what_is_kept_for_the_group_that_he_has_in_this_one() -> None:
    async with exchanging("2.4.9", redis_cache_url=MEMORY) as api:
        price_by_group(api.commerce)
        add_customer(api, "joe@example.com", website=2).group = 3
        buyer, joe = person("s-1"), person("s-2", "joe@example.com")
        first, other = await sign_in(api, buyer), await sign_in(api, joe)
        expected = await amount(api, first, "en_eu")
        for _ in range(2):
            # Both are of group 1 in the first website; in the other one Joe is of group 3.
            assert await amount(api, first) == await amount(api, other)
            assert await amount(api, first, "en_eu") == expected
            shown = await amount(api, other, "en_eu")
            assert shown != expected


async def test_who_is_refused_as_a_customer_does_not_have_commerce_asked_by_each_page_that_he_reads() -> None:
    async with exchanging(redis_cache_url=MEMORY) as api:
        other = await arrive(api, person("s-2", "joe@example.com", email_verified=False))
        pages = [f'{{ search(text: "jacket", pageSize: {size}) {{ total }} }}' for size in range(1, 6)]
        for page in pages:
            assert (await api.data(page, headers(other)))["search"]["total"] > 0
        searched = sum("customers/search" in name for name in api.operations())
        assert await api.codes("{ cart { quantity } }", headers(other)) == ["SSO_EMAIL_UNVERIFIED"]
        again = sum("customers/search" in name for name in api.operations())
        # Once by the link and once by the address; and again for what only a customer may see.
        assert (searched, again) == (2, 4)

"""What Commerce calls a cart, and what else nobody may see: worth nothing where it is known, and nowhere shown."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import graphql
import httpx2
import pytest

from app.sandbox.commerce import Fault
from app.telemetry import configure_logs
from tests.shoppers import (
    APPLY,
    COOKIE,
    REMOVE,
    SHOP,
    UPDATE,
    codes,
    leads_nowhere,
    public,
    ready,
    schema,
    shopper,
    token,
    victim_and_api,
    writes,
)
from tests.test_cart import ADD, KEY, UNSAFE, add
from tests.test_checkout import PLACE, SET_EMAIL, SET_SHIPPING, get_ready

# Stolen: what Commerce calls the cart


def test_nothing_in_the_schema_takes_or_shows_a_cart_by_an_id() -> None:
    named = {
        f"{kind.name}.{name}"
        for kind in schema().type_map.values()
        if isinstance(kind, graphql.GraphQLObjectType | graphql.GraphQLInputObjectType | graphql.GraphQLInterfaceType)
        for name, field in kind.fields.items()
        for name in (name, *getattr(field, "args", ()))
        if any(word in name.lower() for word in ("cartid", "quote", "masked", "session", "token"))
    }
    assert named == set()
    assert "id" not in schema().type_map["Cart"].fields  # type: ignore[attr-defined]


@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_the_ids_of_the_victims_cart_and_lines_are_worth_nothing_to_somebody_else(version: str) -> None:
    async with public(version) as api, shopper(api) as victim, shopper(api) as attacker:
        uid = await ready(victim)
        [cart] = list(api.commerce.carts.values())
        hers = repr(cart)
        await add(attacker, {"sku": "TT-C01"})
        for stolen in (cart.masked, str(cart.id), base64.b64encode(str(cart.id).encode()).decode(), token(victim), uid):
            tried: list[tuple[str, dict[str, Any], dict[str, str]]] = [
                (UPDATE, {"lines": [{"uid": stolen, "quantity": 9}]}, {}),
                (REMOVE, {"uids": [stolen]}, {}),
                (APPLY, {"codes": [stolen]}, {}),
                (ADD, {"lines": [{"sku": stolen}]}, {}),
                (ADD, {"lines": [{"sku": "TT-C01", "options": [stolen]}]}, {}),
                (PLACE, {"key": f"{stolen:_<8}", "agreements": [stolen]}, {}),
                (
                    REMOVE,
                    {"uids": ["MQ=="], "cartId": stolen, "cart_id": stolen},
                    {"X-Cart-Id": stolen, "Cart": stolen},
                ),
                (
                    "{ cart { lines { sku } } checkout { email } }",
                    {},
                    {"X-Session-Start": stolen, "X-Session-Token": stolen},
                ),
                ("{ store { code } }", {}, {"Store": stolen}),
            ]
            for query, variables, headers in tried:
                answer = await attacker.post(query, {**UNSAFE, **headers}, **variables)
                assert repr(cart) == hers, (query, stolen)
                for secret in ("jane@example.com", "Oakland", "TT-C12", cart.masked):
                    assert secret not in answer.text.replace(stolen, ""), (query, stolen)
        for query, variables in ((UPDATE, {"lines": [{"uid": uid, "quantity": 9}]}), (REMOVE, {"uids": [uid]})):
            assert codes(await attacker.ask(query, UNSAFE, **variables)) == ["LINE_NOT_FOUND"]
        # Only the line that he put in himself is in his cart, and nothing of all that has become an order.
        assert {line["sku"] for line in (await attacker.data("{ cart { lines { sku } } }"))["cart"]["lines"]} == {
            "TT-C01"
        }
        assert api.commerce.orders == []
        for name in (COOKIE, "vitrine"):
            await leads_nowhere(api, {"Cookie": f"{name}={quote(cart.masked)}"})
        await leads_nowhere(api, {"Authorization": f"Bearer {cart.masked}"})


async def test_the_victims_idempotency_key_gives_somebody_else_nothing_of_her_order(redis_url: str) -> None:
    key = "the-key-of-the-victim"
    placing = {"key": key, "agreements": ["1"]}
    async with victim_and_api(redis_state_url=redis_url) as (victim, api):
        placed = await victim.data(PLACE, {**UNSAFE, "Origin": SHOP}, **placing)
        [order] = api.commerce.orders
        assert placed["checkoutPlaceOrder"] == {"number": order.increment_id, "userErrors": []}
        async with shopper(api) as stranger:
            answer = await stranger.post(PLACE, UNSAFE, **placing)
            assert codes(answer.json()) == ["CART_EXPIRED"]
            uid = (await add(stranger, {"sku": "TT-C01"}))["cart"]["lines"][0]["uid"]
            await stranger.data(REMOVE, UNSAFE, uids=[uid])
            other = await stranger.post(PLACE, UNSAFE, **placing)
            assert order.increment_id not in answer.text + other.text
            assert len(api.commerce.orders) == 1
        async with shopper(api) as attacker:
            await ready(attacker)
            own = await attacker.data(PLACE, UNSAFE, **placing)
            assert own["checkoutPlaceOrder"]["number"] == api.commerce.orders[1].increment_id != order.increment_id
        assert await victim.data(PLACE, UNSAFE, **placing) == placed
        assert len(api.commerce.orders) == 2


# Shown nowhere


@pytest.fixture
def _logs_as_they_were() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


DUMMIES = 71_000  # so many carts before, that the number of one is no number of anything else


@pytest.mark.usefixtures("_logs_as_they_were")
@pytest.mark.parametrize("version", ["2.4.4", "2.4.7", "2.4.9"])
async def test_no_id_and_no_secret_shows_in_an_answer_or_a_log(
    version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []

    async def note(answer: httpx2.Response) -> None:
        await answer.aread()
        said.append(f"{answer.status_code} {answer.headers.raw!r} {answer.text}")

    configure_logs("debug", "json")
    secrets: set[str] = {KEY}
    numbers: set[int] = set()
    async with public(version, metrics=True, log_level="debug") as api:
        commerce = api.commerce
        for _ in range(DUMMIES):
            commerce.shop.carts.create(1, "USD", None)
        commerce.carts.clear()

        def learn() -> None:
            secrets.update(commerce.carts)
            numbers.update(cart.id for cart in commerce.carts.values())
            sent = [seen.headers["authorization"] for seen in commerce.requests if "authorization" in seen.headers]
            secrets.update(header.removeprefix("Bearer ") for header in sent)

        async with shopper(api) as guest:
            guest.client.event_hooks["response"].append(note)
            # Every step done well, then every one with a cart that vanished, found out by a change or by a look.
            uid = await ready(guest)
            learn()
            for name, (query, variables) in writes(uid).items():
                if name != "checkoutPlaceOrder":
                    await guest.post(query, UNSAFE, **variables)
            await get_ready(guest)
            assert codes(await guest.ask(PLACE, UNSAFE, key="lacking-agreements", agreements=[])) == [
                "AGREEMENT_REQUIRED"
            ]
            assert codes(await guest.ask(PLACE, UNSAFE, key="a-good-order", agreements=["1"])) == []
            for how in ("change", "look"):
                for query, variables in writes(uid).values():
                    await add(guest, {"sku": "TT-C12"})
                    learn()
                    commerce.carts.clear()
                    if how == "look":
                        await guest.post("{ cart { quantity } checkout { ready } }")
                    await guest.post(query, UNSAFE, **variables)
            # What is refused, by us and by Commerce, and what Commerce breaks.
            await get_ready(guest)
            [cart] = commerce.carts.values()
            learn()
            cart.email = None
            await guest.post(PLACE, UNSAFE, key="without-an-email", agreements=["1"])
            cart.customer = 1
            await guest.post("{ cart { quantity } }")
            await get_ready(guest)
            [cart] = [each for each in commerce.carts.values() if each.customer is None]
            learn()
            for query, variables in (
                (ADD, {"lines": [{"sku": "NOPE"}]}),
                (ADD, {"lines": [{"sku": "TT-J01"}, {"sku": "TT-C13"}]}),
                (UPDATE, {"lines": [{"uid": "bm9wZQ==", "quantity": 1}]}),
                (APPLY, {"codes": ["EXPIRED"]}),
                (SET_EMAIL, {"email": "nope"}),
                (SET_SHIPPING, {"carrier": "no", "method": "no"}),
                (PLACE, {"key": "short", "agreements": []}),
            ):
                await guest.post(query, UNSAFE, **variables)
                await guest.post(query, {"X-Vitrine": "0"}, **variables)
            for kind in ("html_500", "graphql_internal", "wrong_shape", "not_json", "drop", "partial"):
                for query, variables in (
                    (APPLY, {"codes": ["TENOFF"]}),
                    ("{ cart { quantity } checkout { ready } }", {}),
                ):
                    commerce.faults.add(Fault(kind, times=2))
                    await guest.post(query, UNSAFE, **variables)
            commerce.faults.add(Fault("html_500", times=3, path="/rest"))
            await guest.post(PLACE, UNSAFE, key="commerce-is-broken", agreements=["1"])
            await guest.post("{ cart { quantity } }", {"Cookie": f"{COOKIE}=a; {COOKIE}=b"})
            secrets.add(token(guest))
        async with shopper(api) as app:
            given = await app.post(ADD, {**UNSAFE, "X-Session-Token": "request"}, lines=[{"sku": "TT-C12"}])
            app.client.event_hooks["response"].append(note)
            bearer = {"Authorization": f"Bearer {given.headers['x-session-token']}"}
            secrets.add(given.headers["x-session-token"])
            await app.post(ADD, {**UNSAFE, **bearer}, lines=[{"sku": "TT-C12"}])
            await app.post("{ cart { quantity } }", {**bearer, "Cookie": f"{COOKIE}={token(guest)}"})
            learn()
            for path in ("/metrics", "/readyz", "/healthz"):
                await app.client.get(path)
        secrets |= {commerce.shop.admins[0].password}
    logged = capsys.readouterr()
    logs = logged.err + logged.out
    handed_over = [text for text in said if token(guest) in text]
    assert len(handed_over) == 1
    assert handed_over[0].count(token(guest)) == 1
    shown = "\n".join(said).replace(token(guest), "", 1)
    assert '"commerce.problems"' in logs
    assert "vitrine_upstream_seconds" in shown
    assert len(secrets) > 20
    assert [secret for secret in secrets if secret in shown] == []
    assert [secret for secret in secrets if secret in logs] == []
    words = set(re.findall(r"\d+", shown + logs))
    assert [number for number in numbers if str(number) in words] == []

"""The stand-in Commerce's REST interface: who may call it, and what it says of the shop."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

import httpx2
import pyotp
import pytest

from app.sandbox.commerce import Commerce, create_commerce
from app.sandbox.commerce.oauth import sign

from .sandbox_client import URL, send

REFUSED = "The consumer isn't authorized to access %resources."


@pytest.fixture
def commerce() -> Commerce:
    return create_commerce("2.4.4")


async def get(commerce: Commerce, path: str, authorization: str | None = None) -> httpx2.Response:
    headers = {"Authorization": authorization} if authorization else {}
    return await send(commerce, "GET", f"/rest/{path}", headers=headers)


async def admin(commerce: Commerce) -> str:
    credentials = {"username": "admin", "password": "Admin-passw0rd"}
    reply = await send(commerce, path="/rest/V1/integration/admin/token", json=credentials)
    assert reply.status_code == 200
    return f"Bearer {reply.json()}"


def signed(commerce: Commerce, path: str, query: str = "", **changed: str) -> str:
    """An OAuth 1.0a header as an integration sends it."""
    (integration,) = commerce.shop.integrations
    parameters = {
        "oauth_consumer_key": integration.consumer_key,
        "oauth_token": integration.access_token,
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(int(time.time())),
        "oauth_nonce": "nonce",
        "oauth_version": "1.0",
        **changed,
    }
    signature = sign(integration, parameters, "GET", f"{URL}/rest/{path}", query)
    pairs = {**parameters, "oauth_signature": signature}
    return "OAuth " + ", ".join(f'{name}="{quote(value, safe="")}"' for name, value in pairs.items())


async def test_without_a_token_the_missing_permission_is_named(commerce: Commerce) -> None:
    for authorization in (None, "Bearer bogus", f"Bearer {commerce.shop.integrations[0].access_token}"):
        reply = await get(commerce, "V1/store/storeViews", authorization)
        assert (reply.status_code, reply.json()) == (
            401,
            {"message": REFUSED, "parameters": {"resources": "Magento_Backend::store"}},
        )


async def test_an_unknown_route_is_a_404(commerce: Commerce) -> None:
    for path in ("V1/nosuchroute", "nosuchstore/V1/directory/currency"):
        reply = await get(commerce, path, await admin(commerce))
        assert (reply.status_code, reply.json()) == (404, {"message": "Request does not match any route."})


async def test_an_admin_reads_the_shops_setup(commerce: Commerce) -> None:
    token = await admin(commerce)

    async def read(path: str) -> Any:
        return (await get(commerce, path, token)).json()

    assert [view["code"] for view in await read("V1/store/storeViews")] == ["default", "admin", "de", "en_eu"]
    assert [(one["id"], one["code"]) for one in await read("V1/store/websites")] == [
        (0, "admin"),
        (1, "base"),
        (2, "eu"),
    ]
    assert [one["id"] for one in await read("V1/store/storeGroups")] == [0, 1, 2]
    assert [one["locale"] for one in await read("V1/store/storeConfigs")] == ["en_US", "de_DE", "en_GB"]
    assert "Magento_CatalogGraphQl" in await read("V1/modules")
    groups = await read("V1/customerGroups/search?searchCriteria[pageSize]=2")
    assert ([one["code"] for one in groups["items"]], groups["total_count"]) == (["NOT LOGGED IN", "General"], 4)
    colour = await read("de/V1/products/attributes/color")
    assert (colour["attribute_id"], colour["options"][1]) == (93, {"label": "Schwarz", "value": "49"})
    tree = await read("V1/categories?depth=1")
    assert (tree["id"], tree["children_data"][0]["name"], tree["children_data"][0]["children_data"]) == (
        2,
        "Apparel",
        [],
    )


async def test_currencies_are_for_everybody_and_by_store(commerce: Commerce) -> None:
    reply = await get(commerce, "de/V1/directory/currency")
    assert (reply.json()["default_display_currency_code"], reply.json()["exchange_rates"][0]) == (
        "EUR",
        {"currency_to": "EUR", "rate": 0.92},
    )


async def test_an_integration_signs_its_calls(commerce: Commerce) -> None:
    path, query = "V1/customerGroups/search", "searchCriteria[pageSize]=1&a=b c"
    reply = await get(
        commerce, f"{path}?{quote(query, safe='=&')}", signed(commerce, path, "searchCriteria[pageSize]=1&a=b%20c")
    )
    assert reply.status_code == 200
    assert len(reply.json()["items"]) == 1


async def test_a_signature_is_refused_when_wrong_stale_or_used(commerce: Commerce) -> None:
    path = "V1/store/storeViews"
    header = signed(commerce, path)
    assert (await get(commerce, path, header)).status_code == 200
    replayed = await get(commerce, path, header)
    assert (replayed.status_code, replayed.json()["parameters"]) == (401, {"1": 1})
    elsewhere = await get(commerce, "V1/store/websites", signed(commerce, path, oauth_nonce="n2"))
    assert elsewhere.json() == {"message": "The signature is invalid. Verify and try again."}
    stale = signed(commerce, path, oauth_nonce="n3", oauth_timestamp="1700000000")
    assert (await get(commerce, path, stale)).json()["message"].startswith("Incorrect timestamp value")
    weak = signed(commerce, path, oauth_nonce="n4", oauth_signature_method="HMAC-SHA1")
    assert (await get(commerce, path, weak)).json()["message"] == "Signature method %1 is not supported"


async def test_wrong_credentials_and_missing_fields_are_told_apart(commerce: Commerce) -> None:
    path = "/rest/V1/integration/admin/token"
    wrong = await send(commerce, path=path, json={"username": "admin", "password": "nope12345"})
    assert (wrong.status_code, wrong.json()["message"].split(".")[0]) == (
        401,
        "The account sign-in was incorrect or your account is disabled temporarily",
    )
    missing = await send(commerce, path=path, json={"username": "admin"})
    assert (missing.status_code, missing.json()) == (
        400,
        {"message": '"%fieldName" is required. Enter and try again.', "parameters": {"fieldName": "password"}},
    )


async def test_with_two_factor_on_a_token_needs_a_code(commerce: Commerce) -> None:
    commerce.shop.two_factor = True
    credentials = {"username": "admin", "password": "Admin-passw0rd"}
    plain = await send(commerce, path="/rest/V1/integration/admin/token", json=credentials)
    assert (plain.status_code, plain.json()["parameters"]) == (400, {"active_providers": ["google"]})
    path = "/rest/V1/tfa/provider/google/authenticate"
    code = pyotp.TOTP(commerce.shop.admins[0].otp_secret).now()
    wrong = await send(commerce, path=path, json={**credentials, "otp": "000000" if code != "000000" else "111111"})
    assert (wrong.status_code, wrong.json()) == (401, {"message": "Invalid code."})
    right = await send(commerce, path=path, json={**credentials, "otp": code})
    assert (await get(commerce, "V1/modules", f"Bearer {right.json()}")).status_code == 200

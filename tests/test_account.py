"""The customer's account: who he is, his address book and his orders; his own, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from app.auth.sessions import Session
from app.redis_client import MEMORY
from app.sandbox.commerce import VERSIONS
from tests.conftest import Api
from tests.exchange_stage import customer, exchanging, headers, person, sign_in
from tests.redis_server import flush, whole_of
from tests.test_cart import ADD
from tests.test_checkout import OAKLAND, PLACE, SET_ADDRESS, SET_PAYMENT, SET_SHIPPING

ADDRESS = "address { firstName lastName company street city region regionCode postcode country telephone }"
BOOK = f"addresses {{ id defaultShipping defaultBilling {ADDRESS} }}"
WHO = f"{{ customer {{ email firstName lastName newsletter createdAt {BOOK} }} }}"
ERRORS = "userErrors { code path message }"
CHANGED = f"address {{ id defaultShipping defaultBilling {ADDRESS} }} {ERRORS}"
CREATE = f"""mutation ($address: AddressInput!, $shipping: Boolean! = false, $billing: Boolean! = false) {{
  customerAddAddress(address: $address, defaultShipping: $shipping, defaultBilling: $billing) {{ {CHANGED} }}
}}"""
UPDATE = f"""mutation ($id: ID!, $address: AddressInput!, $shipping: Boolean, $billing: Boolean) {{
  customerUpdateAddress(id: $id, address: $address, defaultShipping: $shipping, defaultBilling: $billing) {{ {CHANGED} }}
}}"""
REMOVE = f"mutation ($id: ID!) {{ customerRemoveAddress(id: $id) {{ removed {ERRORS} }} }}"
RENAME = f"""mutation ($first: String, $last: String, $newsletter: Boolean) {{
  customerUpdate(firstName: $first, lastName: $last, newsletter: $newsletter) {{
    customer {{ firstName lastName newsletter {BOOK} }} {ERRORS}
  }}
}}"""
ORDERS = """query ($page: Int! = 1, $size: Int! = 10) { customer { orders(page: $page, pageSize: $size) {
  total page pages items { number email lines { sku quantity } totals { grandTotal { amount currency } } }
} } }"""
ORDER = """query ($number: String!) { customer { order(number: $number) {
  number comments { message at }
  shipments { number tracking { carrier title number } lines { sku name quantity } }
  invoices { number grandTotal { amount currency } } creditMemos { number grandTotal { amount } }
} } }"""
AUSTIN = {
    "firstName": "Ann",
    "lastName": "Lab",
    "street": ["2 Oak"],
    "city": "Austin",
    "country": "US",
    "region": "Texas",
    "postcode": "78701",
    "telephone": "555-0101",
}
SHOWN = {**AUSTIN, "company": None, "region": "Texas", "regionCode": "TX"}


async def do(api: Api, session: Session, mutation: str, **variables: Any) -> dict[str, Any]:
    data = await api.data(mutation, headers(session), **variables)
    payload: dict[str, Any] = next(iter(data.values()))
    return payload


async def who(api: Api, session: Session) -> dict[str, Any]:
    found: dict[str, Any] = (await api.data(WHO, headers(session)))["customer"]
    return found


async def order(api: Api, session: Session, key: str) -> str:
    """The number of an order that the customer places."""
    assert (await do(api, session, ADD, lines=[{"sku": "TT-C01"}]))["userErrors"] == []
    await do(api, session, SET_ADDRESS, address=OAKLAND, same=True)
    await do(api, session, SET_SHIPPING, carrier="flatrate", method="flatrate")
    await do(api, session, SET_PAYMENT, code="checkmo")
    placed = await do(api, session, PLACE, key=key, agreements=["1"])
    assert placed["userErrors"] == []
    return str(placed["number"])


async def test_a_guest_is_no_customer_and_commerce_is_not_asked() -> None:
    async with exchanging() as api:
        api.forget()
        assert await api.data(WHO) == {"customer": None}
        assert api.operations() == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_customer_is_who_signed_in(version: str) -> None:
    async with exchanging(version) as api:
        session = await sign_in(api, person())
        found = await who(api, session)
        assert found.pop("createdAt") is not None
        names = {"email": "jane@example.com", "firstName": "Jane", "lastName": "Doe"}
        assert found == {**names, "newsletter": False, "addresses": []}
        # The address book is read only where it is wanted.
        await api.data("{ customer { email } }", headers(session))
        assert "addresses" not in str(api.commerce.requests[-1].query)


@pytest.mark.parametrize("version", VERSIONS)
async def test_addresses_are_added_replaced_and_removed(version: str) -> None:
    async with exchanging(version) as api:
        session = await sign_in(api, person())
        added = await do(api, session, CREATE, address=AUSTIN, shipping=True, billing=True)
        first = added["address"]
        assert added == {"address": {**first, "address": SHOWN}, "userErrors": []}
        assert (first["defaultShipping"], first["defaultBilling"]) == (True, True)
        second = (await do(api, session, CREATE, address={**AUSTIN, "city": "Dallas", "company": "Lab"}))["address"]
        assert [each["id"] for each in (await who(api, session))["addresses"]] == [first["id"], second["id"]]

        moved = await do(api, session, UPDATE, id=second["id"], address={**AUSTIN, "city": "Waco"}, shipping=True)
        assert moved["address"]["address"] == {
            **SHOWN,
            "city": "Waco",
            "company": moved["address"]["address"]["company"],
        }
        assert not moved["address"]["address"]["company"]
        defaults = {each["id"]: (each["defaultShipping"], each["defaultBilling"]) for each in await book(api, session)}
        assert defaults == {first["id"]: (False, True), second["id"]: (True, False)}

        assert await do(api, session, REMOVE, id=first["id"]) == {"removed": first["id"], "userErrors": []}
        assert [each["id"] for each in await book(api, session)] == [second["id"]]


async def book(api: Api, session: Session) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await who(api, session))["addresses"]
    return found


async def test_an_address_stays_a_default_where_nothing_is_said_of_it() -> None:
    async with exchanging() as api:
        session = await sign_in(api, person())
        first = (await do(api, session, CREATE, address=AUSTIN, shipping=True))["address"]
        await do(api, session, UPDATE, id=first["id"], address={**AUSTIN, "city": "Waco"})
        [kept] = await book(api, session)
        assert (kept["defaultShipping"], kept["defaultBilling"]) == (True, False)


@pytest.mark.parametrize("mutation", [UPDATE, REMOVE], ids=["update", "remove"])
@pytest.mark.parametrize("version", VERSIONS)
async def test_nobody_finds_changes_or_removes_the_address_of_another(version: str, mutation: str) -> None:
    async with exchanging(version) as api:
        jane, joe = await sign_in(api, person()), await sign_in(api, person("s-2", "joe@example.com"))
        hers = (await do(api, jane, CREATE, address=AUSTIN))["address"]
        given = {"address": {**AUSTIN, "city": "Waco"}} if mutation == UPDATE else {}
        told = [(await do(api, joe, mutation, id=each, **given))["userErrors"] for each in (hers["id"], "99999")]
        # Whose it is, or whether it is there at all, makes no difference.
        assert told[0] == told[1]
        assert [(each["code"], each["path"]) for each in told[0]] == [("ADDRESS_NOT_FOUND", ["id"])]
        assert (await book(api, jane), await book(api, joe)) == ([hers], [])


@pytest.mark.parametrize("id", ["", "x", "-1", "0", "1.5", "٣", "2147483648", "9" * 300, "1 OR 1=1"])
async def test_what_is_no_address_is_not_asked_for(id: str) -> None:
    async with exchanging() as api:
        session = await sign_in(api, person())
        await who(api, session)
        api.forget()
        assert [each["code"] for each in (await do(api, session, REMOVE, id=id))["userErrors"]] == ["ADDRESS_NOT_FOUND"]
        assert api.operations() == []


@pytest.mark.parametrize(
    ("wrong", "code", "path"),
    [
        ({"country": "XX"}, "COUNTRY_INVALID", ["address", "country"]),
        ({"region": "Bavaria"}, "REGION_INVALID", ["address", "region"]),
        ({"region": None}, "FIELD_REQUIRED", ["address", "region"]),
        ({"city": " "}, "BAD_USER_INPUT", ["address", "city"]),
        ({"lastName": "x" * 256}, "BAD_USER_INPUT", ["address", "lastName"]),
        ({"telephone": None}, "FIELD_REQUIRED", ["address", "telephone"]),
    ],
)
async def test_an_address_that_cannot_be_is_refused_at_the_field_and_nothing_is_kept(
    wrong: dict[str, Any], code: str, path: list[str]
) -> None:
    async with exchanging() as api:
        session = await sign_in(api, person())
        refused = await do(api, session, CREATE, address={**AUSTIN, **wrong})
        assert (refused["address"], [(e["code"], e["path"]) for e in refused["userErrors"]]) == (None, [(code, path)])
        assert customer(api).addresses == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_names_and_the_newsletter_are_changed_alone_or_together(version: str) -> None:
    async with exchanging(version) as api:
        session = await sign_in(api, person())
        await do(api, session, CREATE, address=AUSTIN)
        changed = await do(api, session, RENAME, first=" Janet ")
        assert changed["userErrors"] == []
        assert {name: changed["customer"][name] for name in ("firstName", "lastName", "newsletter")} == {
            "firstName": "Janet",
            "lastName": "Doe",
            "newsletter": False,
        }
        assert [each["address"] for each in changed["customer"]["addresses"]] == [SHOWN]
        await do(api, session, RENAME, newsletter=True)
        one = customer(api)
        assert (one.firstname, one.lastname, one.subscribed) == ("Janet", "Doe", True)


@pytest.mark.parametrize("given", [{}, {"first": "  "}, {"last": "x" * 256}])
async def test_a_change_that_says_nothing_or_cannot_be_is_not_sent(given: dict[str, Any]) -> None:
    async with exchanging() as api:
        session = await sign_in(api, person())
        api.forget()
        refused = await do(api, session, RENAME, **given)
        assert [each["code"] for each in refused["userErrors"]] == ["BAD_USER_INPUT"]
        assert "UpdateCustomer" not in api.operations()


@pytest.mark.parametrize(
    ("mutation", "variables"),
    [
        (CREATE, {"address": AUSTIN}),
        (UPDATE, {"id": "1", "address": AUSTIN}),
        (REMOVE, {"id": "1"}),
        (RENAME, {"first": "J"}),
    ],
)
async def test_a_guest_changes_no_account_and_is_told_where_to_sign_in(
    mutation: str, variables: dict[str, Any]
) -> None:
    async with exchanging(public_url="https://api.shop.example") as api:
        api.forget()
        body = await api.ask(mutation, {"X-Vitrine": "1"}, **variables)
        [error] = body["errors"]
        assert error["extensions"]["code"] == "UNAUTHENTICATED"
        assert error["extensions"]["reason"] == "SIGN_IN"
        assert error["extensions"]["loginUrl"] == "https://api.shop.example/auth/login"
        assert api.operations() == []


async def test_a_change_of_the_account_needs_the_header_that_no_other_site_can_send() -> None:
    async with exchanging() as api:
        session = await sign_in(api, person())
        sent = {name: value for name, value in headers(session).items() if name != "X-Vitrine"}
        sent["Origin"] = "https://evil.example"
        assert await api.codes(CREATE, sent, address=AUSTIN) == ["CROSS_SITE"]
        assert customer(api).addresses == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_orders_are_paged_and_are_the_customers_own(version: str) -> None:
    async with exchanging(version) as api:
        jane, joe = await sign_in(api, person()), await sign_in(api, person("s-2", "joe@example.com"))
        numbers = [await order(api, jane, f"key-of-an-order-{number}") for number in range(3)]
        await order(api, joe, "key-of-another-order")
        shown = numbers if version == "2.4.4" else numbers[::-1]
        pages = [(await api.data(ORDERS, headers(jane), page=page, size=2))["customer"]["orders"] for page in (1, 2, 3)]
        assert [[each["number"] for each in page["items"]] for page in pages] == [shown[:2], shown[2:], []]
        assert [(page["total"], page["page"], page["pages"]) for page in pages] == [(3, 1, 2), (3, 2, 2), (3, 3, 2)]
        one = pages[0]["items"][0]
        assert one["lines"] == [{"sku": "TT-C01", "quantity": "1"}]
        # An order of 2.4.4 and 2.4.6 does not say it.
        assert one["email"] == (None if version in ("2.4.4", "2.4.6") else "jane@example.com")
        assert one["totals"]["grandTotal"]["currency"] == "USD"
        assert (await api.data(ORDER, headers(joe), number=numbers[0]))["customer"] == {"order": None}


async def test_an_order_tells_what_became_of_it() -> None:
    async with exchanging() as api:
        session = await sign_in(api, person())
        number = await order(api, session, "key-of-an-order-x")
        kept = api.commerce.orders[-1]
        paid = {"value": 389.0, "currency": "USD"}
        kept.shipments = [
            {
                "number": "000000007",
                "tracking": [{"carrier": "ups", "title": "United Parcel Service", "number": "1Z999"}],
                "items": [
                    {
                        "__typename": "ShipmentItem",
                        "product_sku": "TT-C01",
                        "product_name": "Coat",
                        "quantity_shipped": 1,
                    }
                ],
            }
        ]
        kept.invoices = [{"number": "000000008", "total": {"grand_total": paid}}]
        kept.credit_memos = [{"number": "000000009", "total": {"grand_total": paid}}]
        kept.comments.append({"comment": "On its way", "created_at": "2026-11-24 10:00:00", "is_visible_on_front": 1})
        assert (await api.data(ORDER, headers(session), number=f" {number} "))["customer"]["order"] == {
            "number": number,
            "comments": [{"message": "On its way", "at": "2026-11-24 10:00:00"}],
            "shipments": [
                {
                    "number": "000000007",
                    "tracking": [{"carrier": "ups", "title": "United Parcel Service", "number": "1Z999"}],
                    "lines": [{"sku": "TT-C01", "name": "Coat", "quantity": "1"}],
                }
            ],
            "invoices": [{"number": "000000008", "grandTotal": {"amount": "389.00", "currency": "USD"}}],
            "creditMemos": [{"number": "000000009", "grandTotal": {"amount": "389.00"}}],
        }


@pytest.mark.parametrize(("page", "size"), [(0, 10), (1, 0), (1, 21), (-1, 10)])
async def test_a_page_that_cannot_be_is_refused(page: int, size: int) -> None:
    async with exchanging() as api:
        session = await sign_in(api, person())
        assert await api.codes(ORDERS, headers(session), page=page, size=size) == ["BAD_USER_INPUT"]


async def test_a_dead_token_is_minted_again_and_the_change_is_made_once() -> None:
    async with exchanging() as api:
        session = await sign_in(api, person())
        api.commerce.shop.customer_tokens.revoke(customer(api).id)
        assert (await do(api, session, CREATE, address=AUSTIN))["userErrors"] == []
        assert [each["city"] for each in customer(api).addresses] == ["Austin"]
        api.commerce.shop.customer_tokens.revoke(customer(api).id)
        assert (await who(api, session))["email"] == "jane@example.com"


async def test_what_a_customer_reads_of_himself_is_kept_nowhere_and_shown_to_nobody_else(redis_url: str) -> None:
    await flush(redis_url)
    async with exchanging("2.4.9", redis_cache_url=redis_url) as api:
        jane, joe = await sign_in(api, person()), await sign_in(api, person("s-2", "joe@example.com"))
        await do(api, jane, CREATE, address=AUSTIN)
        # With something public beside it, too.
        query = WHO[:-1] + ' search(text: "jacket") { total } }'
        for _ in range(2):
            for session, email in ((jane, "jane@example.com"), (joe, "joe@example.com")):
                answer = await api.post(query, headers(session))
                assert answer.json()["data"]["customer"]["email"] == email
                assert answer.headers["cache-control"] == "no-store"
                assert "cache-status" not in answer.headers
        assert (await api.data(query))["customer"] is None
        kept = await whole_of(redis_url)
        assert kept
        for word in (b"jane", b"joe", b"Austin", b"2 Oak"):
            assert word not in kept


async def test_without_redis_for_the_cache_it_is_the_same() -> None:
    async with exchanging(redis_cache_url=MEMORY) as api:
        session = await sign_in(api, person())
        assert (await who(api, session))["email"] == "jane@example.com"

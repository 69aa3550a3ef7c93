"""From an identity to a Commerce customer and a token of his: found, made, linked, refused."""

from __future__ import annotations

import asyncio
import copy
from dataclasses import replace
from typing import Any

import httpx2
import pytest
import redis.asyncio as redis

from app.auth.passwords import Passwords
from app.auth.person import CustomerRefused, link_of
from app.auth.sessions import SessionEnded
from app.errors import StateUnavailable, UpstreamFailed, UpstreamTimeout, UpstreamUnavailable
from app.main import sessions_of
from app.sandbox.commerce import VERSIONS
from app.sandbox.commerce.passwords import wrong
from app.state import State
from tests.conftest import Api
from tests.exchange_stage import (
    ATTRIBUTE,
    OLDER_KEY,
    PASSWORD_KEY,
    Spoiler,
    add_customer,
    arrive,
    as_integration,
    customer,
    exchange_of,
    exchanging,
    headers,
    people,
    person,
    reopened,
    sign_in,
    signed,
)

KEYS = {"sso_password_keys": f"1:{PASSWORD_KEY}"}


@pytest.fixture
async def empty_redis(redis_url: str) -> str:
    """A Redis with nothing in it."""
    async with redis.from_url(redis_url) as client:
        await client.flushall()
    return redis_url


async def refused(api: Api, who: Any, store: str = "default") -> str:
    """The code that a sign-in is refused with; nothing happened at Commerce or in the session."""
    before, sessions = people(api), sessions_of(api.parts)
    entered = await arrive(api, who)
    data = dict(entered.data)
    with pytest.raises(CustomerRefused) as caught:
        await exchange_of(api).sign_in(who, entered, api.parts.shop.views[store])
    assert sessions is not None
    assert (await reopened(api, entered)).data == data
    assert people(api) == before
    assert api.commerce.shop.customer_tokens.alive == []
    assert api.commerce.carts == {}
    return caught.value.code


# Four ways


@pytest.mark.parametrize(
    ("version", "way", "given", "operation"),
    [
        ("2.4.9", "auto", {}, "/rest/V1/customers/5/token"),
        ("2.4.9", "auto", as_integration(), "/rest/V1/customers/5/token"),
        ("2.4.9", "rest", {}, "/rest/V1/customers/5/token"),
        ("2.4.9", "exchange", as_integration(), "CustomerTokenExchange"),
        *((version, "auto", {}, "CustomerTokenAsAdmin") for version in VERSIONS[:-1]),
        ("2.4.9", "admin", {}, "CustomerTokenAsAdmin"),
        *((version, "auto", as_integration(KEYS), "CustomerToken") for version in VERSIONS[:-1]),
        ("2.4.9", "password", KEYS, "CustomerToken"),
    ],
)
async def test_each_way_gives_a_token_of_the_customer_that_was_made(
    version: str, way: str, given: dict[str, Any], operation: str
) -> None:
    async with exchanging(version, sso_way=way, **given) as api:
        session = await sign_in(api, person(newsletter=True))
        made = customer(api)
        assert (made.firstname, made.lastname, made.website, made.store) == ("Jane", "Doe", 1, 1)
        assert (made.group, made.subscribed, made.custom) == (1, True, {ATTRIBUTE: link_of(person())})
        assert api.commerce.shop.customer_tokens.owner(signed(session).token) == made.id == signed(session).id
        assert operation in api.operations()
        assert bool(made.password) == (operation == "CustomerToken")
        assert (await api.data("{ cart { quantity } }", headers(session)))["cart"] == {"quantity": "0"}


@pytest.mark.parametrize(
    ("version", "way", "given"),
    [
        ("2.4.8", "rest", {}),
        ("2.4.8", "exchange", as_integration()),
        ("2.4.9", "exchange", {}),
        ("2.4.4", "admin", as_integration()),
        ("2.4.4", "auto", as_integration()),
        ("2.4.4", "password", {}),
    ],
)
async def test_a_way_that_this_commerce_does_not_offer_is_refused_by_its_code(
    version: str, way: str, given: dict[str, Any]
) -> None:
    async with exchanging(version, sso_way=way, **given) as api:
        with pytest.raises(CustomerRefused) as caught:
            await sign_in(api, person())
        assert (caught.value.code, caught.value.status) == ("SSO_UNAVAILABLE", 503)
        assert api.commerce.shop.customer_tokens.alive == []


async def test_where_one_way_is_refused_the_next_is_taken() -> None:
    refusal = Spoiler(
        "POST", "/rest/V1/customers/5/token", instead=httpx2.Response(403, json={"message": "no"}), times=9
    )
    async with exchanging("2.4.9", way=refusal.wrap) as api:
        assert signed(await sign_in(api, person())).id == 5
        assert [name for name in api.operations() if name.startswith("CustomerToken")] == ["CustomerTokenAsAdmin"]
    refusal = Spoiler(
        "POST", "/rest/V1/customers/5/token", instead=httpx2.Response(403, json={"message": "no"}), times=9
    )
    async with exchanging("2.4.9", way=refusal.wrap, **as_integration()) as api:
        assert signed(await sign_in(api, person())).id == 5
        assert [name for name in api.operations() if name.startswith("CustomerToken")] == ["CustomerTokenExchange"]


async def test_a_commerce_that_is_away_is_no_reason_to_take_a_worse_way() -> None:
    away = Spoiler("POST", "/rest/V1/customers/5/token", before=httpx2.ReadTimeout("slow"), times=9)
    async with exchanging("2.4.9", way=away.wrap) as api:
        with pytest.raises(UpstreamTimeout):
            await sign_in(api, person())
        assert api.commerce.shop.customer_tokens.alive == []


async def test_a_derived_password_fulfils_the_rules_and_is_different_for_everybody() -> None:
    passwords = Passwords.of(f"2:{PASSWORD_KEY},1:{OLDER_KEY}")
    who = [person(f"s-{number}") for number in range(200)]
    first = [passwords.first(each) for each in who]
    assert len(set(first)) == 200
    assert [wrong(each or "") for each in first] == [None] * 200
    assert passwords.all(who[0])[0] == first[0] != passwords.all(who[0])[1]
    assert passwords.first(replace(who[0], issuer="https://other.example")) != first[0]
    assert repr(passwords) == "Passwords(2 keys)"


@pytest.mark.parametrize("text", ["key", "1:short", f"1:{PASSWORD_KEY},1:{OLDER_KEY}", f"a b:{PASSWORD_KEY}", "1:***"])
def test_password_keys_that_cannot_be_used_are_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"key|version") as caught:
        Passwords.of(text)
    assert PASSWORD_KEY not in str(caught.value)


async def test_customers_made_with_an_older_key_can_still_sign_in(empty_redis: str) -> None:
    given: dict[str, Any] = {"sso_way": "password", "redis_state_url": empty_redis}
    async with exchanging("2.4.6", **given, sso_password_keys=f"1:{OLDER_KEY}") as api:
        await sign_in(api, person())
        known = api.commerce.shop.customers
    async with exchanging("2.4.6", **given, sso_password_keys=f"2:{PASSWORD_KEY},1:{OLDER_KEY}") as api:
        api.commerce.shop.customers = known
        assert signed(await sign_in(api, person())).id == customer(api).id


# Way three and websites


async def test_an_admin_gets_the_token_under_the_store_whose_number_is_the_website_in_244() -> None:
    async with exchanging("2.4.4") as api:
        session = await sign_in(api, person(), "en_eu")
        [asked] = [seen for seen in api.commerce.requests if seen.operation == "CustomerTokenAsAdmin"]
        assert asked.headers["store"] == "de"
        assert signed(session).id == customer(api, website=2).id
        assert (customer(api, website=2).website, customer(api, website=2).store) == (2, 3)


async def test_244_without_a_store_of_the_websites_number_is_refused_by_a_code_of_its_own() -> None:
    async with exchanging("2.4.4") as api:
        shop = api.commerce.shop
        shop.stores = [replace(store, id=store.id + 10) for store in shop.stores]
        entered = await arrive(api, person())
        with pytest.raises(CustomerRefused) as caught:
            await exchange_of(api).sign_in(person(), entered, api.parts.shop.views["de"])
        assert caught.value.code == "SSO_STORE_MISSING"
        assert shop.customer_tokens.alive == []


async def test_a_token_of_the_same_address_in_another_website_is_thrown_away() -> None:
    async with exchanging("2.4.8") as api:
        shop = api.commerce.shop
        # The store view with the number of website 2 is of website 1.
        shop.stores = [replace(store, id={1: 2, 2: 1}.get(store.id, store.id)) for store in shop.stores]
        other = add_customer(api, website=1)
        session = await sign_in(api, person(), "en_eu")
        assert signed(session).id == customer(api, website=2).id != other.id
        assert [s.headers["store"] for s in api.commerce.requests if s.operation == "CustomerTokenAsAdmin"] == [
            "default",
            "en_eu",
        ]
        assert other.custom == {}


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize(("version", "given"), [("2.4.4", {}), ("2.4.9", as_integration())])
async def test_one_person_has_a_customer_in_each_website(version: str, given: dict[str, Any], opaque: bool) -> None:
    async with exchanging(version, **given) as api:
        api.commerce.shop.customer_tokens.opaque = opaque
        session = await sign_in(api, person())
        first = signed(session)
        assert (await api.data("{ cart { quantity } }", headers(session, "en_eu")))["cart"] == {"quantity": "0"}
        second = signed(await reopened(api, session))
        assert {first.id, second.id} == {customer(api, website=1).id, customer(api, website=2).id}
        assert (first.website, second.website) == tuple(site.code for site in api.commerce.shop.websites)
        assert {cart.customer for cart in api.commerce.carts.values()} == {first.id, second.id}


# Finding, linking, refusing


async def test_a_linked_customer_is_found_again_whatever_his_address_is_now() -> None:
    async with exchanging() as api:
        before = signed(await sign_in(api, person()))
        customer(api).email = "jane.new@example.com"
        again = signed(await sign_in(api, person(email=None, email_verified=False)))
        assert again.id == before.id
        assert again.token != before.token
        assert len(api.commerce.shop.customers) == 5


@pytest.mark.parametrize("attribute", [True, False])
async def test_a_verified_address_links_a_customer_only_where_the_settings_let_it(attribute: bool) -> None:
    async with exchanging(attribute=attribute) as api:
        add_customer(api)
        assert await refused(api, person()) == "SSO_EMAIL_TAKEN"
    async with exchanging(attribute=attribute, sso_link_by_email=True) as api:
        known = add_customer(api)
        assert signed(await sign_in(api, person(email="JANE@example.com"))).id == known.id
        assert known.custom == ({ATTRIBUTE: link_of(person())} if attribute else {})
        assert known.lastname == "Before"


@pytest.mark.parametrize("attribute", [True, False])
async def test_an_unverified_address_takes_over_nobody(attribute: bool) -> None:
    given: dict[str, Any] = {"attribute": attribute, "sso_link_by_email": True, "sso_create_unverified": True}
    async with exchanging(**given) as api:
        add_customer(api)
        assert await refused(api, person(email_verified=False)) == "SSO_EMAIL_UNVERIFIED"


async def test_for_an_unverified_address_nobody_is_made_unless_the_settings_say_so() -> None:
    async with exchanging() as api:
        assert await refused(api, person(email_verified=False)) == "SSO_EMAIL_UNVERIFIED"
    async with exchanging(sso_create_unverified=True) as api:
        assert signed(await sign_in(api, person(email_verified=False))).id == customer(api).id


async def test_without_an_address_nobody_is_made() -> None:
    async with exchanging() as api:
        assert await refused(api, person(email=None)) == "SSO_EMAIL_MISSING"


@pytest.mark.parametrize("attribute", [True, False])
@pytest.mark.parametrize("other", [{"subject": "S-1"}, {"subject": "s-1 "}, {"subject": "s-2"}])
async def test_a_customer_linked_to_another_subject_is_never_attached(attribute: bool, other: dict[str, str]) -> None:
    async with exchanging(attribute=attribute, sso_link_by_email=True) as api:
        await sign_in(api, person())
        api.commerce.shop.customer_tokens.revoke(customer(api).id)
        api.commerce.carts.clear()
        assert await refused(api, person(**other)) == "SSO_LINKED_ELSEWHERE"
        assert await refused(api, replace(person(), issuer="https://evil.example")) == "SSO_LINKED_ELSEWHERE"


async def test_an_address_that_a_database_takes_for_another_is_not_that_other() -> None:
    async with exchanging(sso_link_by_email=True) as api:
        kate = add_customer(api, "kate@example.com")
        before = people(api)
        # A Kelvin sign, which becomes a k in small letters: Commerce finds her, and will make nobody else.
        with pytest.raises(UpstreamFailed):
            await sign_in(api, person(email="\u212aate@example.com"))
        assert people(api) == before
        assert api.commerce.shop.customer_tokens.alive == []
        assert signed(await sign_in(api, person(email=" KATE@example.com "))).id == kate.id


async def test_two_customers_with_the_same_link_are_nobodys() -> None:
    async with exchanging() as api:
        for email in ("one@example.com", "two@example.com"):
            add_customer(api, email, custom={ATTRIBUTE: link_of(person())})
        assert await refused(api, person()) == "SSO_LINKED_ELSEWHERE"


async def test_a_link_attribute_that_the_shop_has_not_got_is_no_place_for_links() -> None:
    async with exchanging(sso_link_by_email=True) as api:
        api.commerce.shop.customer_attributes.clear()
        add_customer(api)
        before = people(api)
        entered = await arrive(api, person())
        with pytest.raises(UpstreamFailed, match="Invalid attribute name"):
            await exchange_of(api).sign_in(person(), entered, api.parts.shop.views["default"])
        assert people(api) == before


async def test_linking_saves_the_whole_customer_and_loses_no_default_address() -> None:
    address = {"id": 7, "customer_id": 5, "firstname": "Jane", "lastname": "Doe", "city": "Oakland", "street": ["1 A"]}
    async with exchanging(sso_link_by_email=True) as api:
        known = add_customer(
            api, addresses=[address], default_billing="7", default_shipping="7", subscribed=True, group_fixed=1
        )
        before = copy.deepcopy(known)
        await sign_in(api, person())
        assert (known.default_billing, known.default_shipping, known.subscribed) == ("7", "7", True)
        assert [{name: each[name] for name in address} for each in known.addresses] == before.addresses
        assert known.custom == {ATTRIBUTE: link_of(person())}


async def test_links_in_the_state_are_moved_to_the_attribute_once_there_is_one(empty_redis: str) -> None:
    async with exchanging(attribute=False, redis_state_url=empty_redis) as api:
        first = signed(await sign_in(api, person("mover")))
        known = api.commerce.shop.customers
        assert customer(api).custom == {}
    async with exchanging(redis_state_url=empty_redis) as api:
        api.commerce.shop.customers = known
        assert signed(await sign_in(api, person("mover"))).id == first.id
        assert customer(api).custom == {ATTRIBUTE: link_of(person("mover"))}


@pytest.mark.parametrize("link_by_email", [True, False])
async def test_after_the_state_is_lost_only_a_verified_address_finds_the_customer_and_only_if_allowed(
    empty_redis: str, link_by_email: bool
) -> None:
    given: dict[str, Any] = {"attribute": False, "redis_state_url": empty_redis, "sso_link_by_email": link_by_email}
    async with exchanging(**given) as api:
        first = signed(await sign_in(api, person()))
        assert signed(await sign_in(api, person(email=None))).id == first.id
        api.commerce.shop.customer_tokens.revoke(first.id)
        api.commerce.carts.clear()
        async with redis.from_url(empty_redis) as client:
            await client.flushall()
        assert await refused(api, person(email_verified=False)) == "SSO_EMAIL_UNVERIFIED"
        if link_by_email:
            assert signed(await sign_in(api, person())).id == first.id
        else:
            assert await refused(api, person()) == "SSO_EMAIL_TAKEN"


async def test_new_customers_get_the_group_of_the_providers_first_word_that_is_known() -> None:
    async with exchanging(sso_groups="wholesale:2,retail:3") as api:
        await sign_in(api, person(groups=("retail", "wholesale", "admin")))
        await sign_in(api, person("s-2", "joe@example.com", groups=("admin",)))
        assert (customer(api).group, customer(api, "joe@example.com").group) == (2, 1)
        await sign_in(api, person(groups=("retail",)))
        assert customer(api).group == 2


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"first_name": None, "last_name": None}, ("jane", "-")),
        ({"first_name": "{{config}}\x00 <b>Ann</b>", "last_name": "O'Neil  Łuk"}, ("config bAnn/b", "O'Neil Łuk")),
        ({"first_name": "x" * 300, "last_name": "\u202e"}, ("x" * 100, "-")),
    ],
)
async def test_names_that_cannot_be_are_made_fit(told: dict[str, Any], kept: tuple[str, str]) -> None:
    async with exchanging() as api:
        await sign_in(api, person(**told))
        assert (customer(api).firstname, customer(api).lastname) == kept


# Parallel first sign-ins, and what Commerce makes of a creation


@pytest.mark.parametrize("attribute", [True, False])
@pytest.mark.parametrize("version", ["2.4.4", "2.4.9"])
async def test_parallel_first_sign_ins_make_one_customer(version: str, attribute: bool, empty_redis: str) -> None:
    who = person(f"twin-{version}-{attribute}")
    given: dict[str, Any] = {"attribute": attribute, "redis_state_url": empty_redis}
    async with exchanging(version, **given) as api, exchanging(version, **given, commerce=api.commerce) as other:
        sessions = await asyncio.gather(*(sign_in(each, who) for each in (api, other) * 5))
        made = [each for each in api.commerce.shop.customers if each.email == "jane@example.com"]
        assert [each.id for each in made] == [5]
        assert {signed(each).id for each in sessions} == {5}


@pytest.mark.parametrize("attribute", [True, False])
async def test_a_customer_whose_creation_was_not_answered_is_found_and_linked(attribute: bool) -> None:
    spoiler = Spoiler("POST", "/rest/V1/customers", after=httpx2.ReadTimeout("no answer"))
    async with exchanging(attribute=attribute, way=spoiler.wrap) as api:
        assert signed(await sign_in(api, person())).id == customer(api).id == 5
        assert spoiler.met == 1
        assert signed(await sign_in(api, person())).id == 5


@pytest.mark.parametrize("attribute", [True, False])
async def test_a_creation_that_never_took_place_is_tried_by_the_next_sign_in(attribute: bool) -> None:
    spoiler = Spoiler("POST", "/rest/V1/customers", before=httpx2.ConnectError("nobody is there"))
    async with exchanging(attribute=attribute, way=spoiler.wrap) as api:
        with pytest.raises(UpstreamUnavailable):
            await sign_in(api, person())
        assert api.commerce.shop.customer("jane@example.com", 1) is None
        assert signed(await sign_in(api, person())).id == customer(api).id


@pytest.mark.parametrize("attribute", [True, False])
async def test_somebody_who_registers_the_address_at_the_same_moment_is_not_taken_over(attribute: bool) -> None:
    spoiler = Spoiler("POST", "/rest/V1/customers")
    async with exchanging(attribute=attribute, way=spoiler.wrap) as api:
        spoiler.meanwhile = lambda: add_customer(api)
        with pytest.raises(CustomerRefused) as caught:
            await sign_in(api, person())
        assert caught.value.code == "SSO_EMAIL_TAKEN"
        assert customer(api).lastname == "Before"
        assert customer(api).custom == {}
        assert api.commerce.shop.customer_tokens.alive == []


async def test_a_customer_that_cannot_be_made_is_a_failure_of_commerce() -> None:
    async with exchanging(sso_way="password", sso_password_keys=f"1:{PASSWORD_KEY}") as api:
        with pytest.raises(UpstreamFailed):
            await sign_in(api, person(email="no address"))
        assert len(api.commerce.shop.customers) == 4


async def test_a_state_that_is_away_lets_nobody_in() -> None:
    async with exchanging() as api:
        before = people(api)
        entered = await arrive(api, person())
        await api.parts.state.close()
        exchange = exchange_of(api)
        away = State("redis://127.0.0.1:1/0")
        exchange._state = exchange._customers._state = away
        with pytest.raises(StateUnavailable):
            await exchange.sign_in(person(), entered, api.parts.shop.views["default"])
        assert people(api) == before
        assert api.commerce.requests == []


async def test_a_session_that_is_another_persons_gets_no_customer() -> None:
    async with exchanging() as api:
        before = people(api)
        entered = await arrive(api, person("s-2"))
        with pytest.raises(SessionEnded):
            await exchange_of(api).sign_in(person("s-1"), entered, api.parts.shop.views["default"])
        assert people(api) == before


async def test_no_token_address_or_name_is_in_redis_or_in_the_logs(
    empty_redis: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with exchanging("2.4.4", redis_state_url=empty_redis, attribute=False) as api:
        session = await sign_in(api, person("secret-subject", "jane.secret@example.com", first_name="Janesecret"))
        async with redis.from_url(empty_redis) as client:
            dump = repr([(key, await client.get(key)) for key in await client.keys("vitrine:s*")])
        logged = "".join(capsys.readouterr())
        secrets = ("jane.secret", "Janesecret", "secret-subject", signed(session).token)
        assert [secret for secret in secrets if secret in dump or secret in logged] == []
        assert "customer.signed_in" in logged

"""Random journeys of two shoppers through the API, each answer compared with what a shopper expects.

`python -m tests.cart_machine --journeys 1000` runs the whole over all versions; a small one is among the tests
(tests/test_cart_machine.py). After every step the cart and the checkout must be the model's (tests/cart_model.py and
tests/cart_shopper.py) to the cent, the sums must agree, and nothing of another shopper or of Commerce's ids may show.
"""

from __future__ import annotations

import argparse
import logging
import secrets
import time
from decimal import Decimal
from typing import Any, ClassVar

import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.sandbox.commerce import VERSIONS
from tests.cart_model import RATES, Place, Shop, Ware, add_up, same, shown_cart, shown_checkout
from tests.cart_shopper import Outcome, Shopper, Wrong
from tests.cart_stage import (
    ADD,
    APPLY,
    BILL_TO,
    CLEAR,
    EMAIL,
    GLANCE,
    GOODS,
    LOOK,
    ORDER,
    PAY_BY,
    REMOVE,
    SEND_BY,
    SHIP_TO,
    STOCK,
    TAKE_OFF,
    UPDATE,
    WARES,
    Stage,
)

UNKNOWN_UID = "OTk5OTk5OTk5"  # well formed, and of no line

WHO = st.sampled_from([0, 0, 0, 1])
QUANTITY = st.sampled_from(["1", "1", "1", "2", "2", "3", "5", "10", "0.5", "29", "31", "11000"])
FINE = st.lists(st.tuples(st.sampled_from(GOODS), st.sampled_from(["1", "2", "3"])), max_size=3)
ASKED = st.lists(st.tuples(st.sampled_from(WARES), QUANTITY), min_size=1, max_size=4)
CODE = st.sampled_from(["TENOFF", "TENOFF", "FIVE", "five", "EXPIRED", "NOPE"])
CODES = st.lists(CODE, min_size=1, max_size=2, unique_by=str.upper)
CITIES = {"Oakland": ("US", "CA"), "Alameda": ("US", " california"), "Austin": ("US", "TX"), "Berlin": ("DE", None)}
BAD_PLACES: dict[str, tuple[dict[str, Any], Wrong]] = {
    "Nowhere": ({"country": "ZZ"}, ("COUNTRY_INVALID", ["address", "country"])),
    "Elsewhere": ({"regionId": 9999}, ("REGION_INVALID", ["address", "regionId"])),
    "Beyond": ({"region": "Bayern"}, ("REGION_INVALID", ["address", "region"])),
}
CITY = st.sampled_from([*CITIES, *CITIES, *BAD_PLACES])
METHOD = st.sampled_from(
    [("flatrate", "flatrate"), ("tablerate", "bestway"), ("freeshipping", "freeshipping"), ("nope", "nope")]
)
PAYMENT = st.sampled_from(["checkmo", "purchaseorder", "free", "nope"])


def place_of(name: str, city: str) -> tuple[Place, Wrong | None]:
    """An address in that city, and what is wrong with it."""
    changed, wrong = BAD_PLACES.get(city) or ({}, None)
    country, region = CITIES.get(city, ("US", "CA"))
    given: dict[str, Any] = {
        "firstName": name, "lastName": "Doe", "street": ["1 Main St"], "city": city, "postcode": "10115",
        "country": country, "telephone": "555-0100", **({"region": region} if region else {}), **changed,
    }  # fmt: skip
    return Place(given, {"TX": None, None: country}.get(region, "CA")), wrong


HELD = precondition(lambda self: any(one.cart for one in self.people))


class Journey(RuleBasedStateMachine):
    """One journey; `stage` is where it plays."""

    stage: ClassVar[Stage]

    def __init__(self) -> None:
        super().__init__()
        self.stage.begin()
        self.shop = Shop(self.stage.version, STOCK)
        self.people: list[Shopper] = []
        self.browsers = [self.stage.browser() for _ in range(2)]
        self.acting: int | None = None
        self.keys: list[dict[str, Any]] = [{}, {}]
        self.seen: set[str] = set()
        self.carts: list[set[str]] = [set(), set()]

    @initialize(currencies=st.tuples(*[st.sampled_from(list(RATES))] * 2), first=FINE)
    def arrive(self, currencies: tuple[str, str], first: list[tuple[str, str]]) -> None:
        """Most of what can be done takes a cart, so most journeys begin with one."""
        self.people = [Shopper(self.shop, name, at) for name, at in zip(("anna", "bert"), currencies, strict=True)]
        if first:
            self.add(0, first)

    # The cart

    @rule(who=WHO, asked=ASKED)
    def add(self, who: int, asked: list[tuple[str, str]]) -> None:
        shopper = self.people[who]
        wares: list[tuple[Ware, str]] = [(self.stage.wares[shopper.currency][name], count) for name, count in asked]
        expected = shopper.add([(ware, Decimal(count)) for ware, count in wares])
        known = set(self.stage.commerce.carts)
        payload = self._do(who, ADD, expected, lines=[{**ware.line, "quantity": count} for ware, count in wares])
        self.carts[who] |= set(self.stage.commerce.carts) - known
        assert payload["added"] == expected.added

    @rule(who=WHO, name=st.sampled_from(WARES), count=st.sampled_from(["0", "-1"]))
    def add_nothing(self, who: int, name: str, count: str) -> None:
        self.add(who, [("TT-C12", "1"), (name, count)])

    @HELD
    @rule(
        who=WHO,
        picks=st.lists(
            st.tuples(st.integers(0, 5), st.sampled_from(["0", "1", "2", "4", "12", "31", "0.5"])),
            min_size=1,
            max_size=3,
        ),
    )
    def update(self, who: int, picks: list[tuple[int, str]]) -> None:
        asked = [(self._uid(who, at), count) for at, count in picks]
        expected = self.people[who].update([(uid, Decimal(count)) for uid, count in asked])
        self._do(who, UPDATE, expected, lines=[{"uid": uid, "quantity": count} for uid, count in asked])

    @HELD
    @rule(who=WHO, picks=st.lists(st.integers(0, 5), min_size=1, max_size=2))
    def remove(self, who: int, picks: list[int]) -> None:
        uids = [self._uid(who, at) for at in picks]
        self._do(who, REMOVE, self.people[who].update([(uid, Decimal(0)) for uid in uids], "uids"), uids=uids)

    @HELD
    @rule(who=WHO)
    def take_what_is_not_mine(self, who: int) -> None:
        other = self.people[1 - who].cart
        uid = next((line.uid for line in other.lines if line.uid), UNKNOWN_UID) if other else UNKNOWN_UID
        self._do(who, REMOVE, self.people[who].update([(uid, Decimal(0))], "uids"), uids=[uid])

    @HELD
    @rule(who=WHO)
    def clear(self, who: int) -> None:
        self._do(who, CLEAR, self.people[who].clear())

    @HELD
    @rule(who=WHO, codes=CODES)
    def apply(self, who: int, codes: list[str]) -> None:
        self._do(who, APPLY, self.people[who].apply(codes), codes=codes)

    @HELD
    @rule(who=WHO, codes=CODES)
    def take_off(self, who: int, codes: list[str]) -> None:
        self._do(who, TAKE_OFF, self.people[who].take_off(codes), codes=codes)

    # The checkout

    @HELD
    @rule(who=WHO, good=st.booleans())
    def set_email(self, who: int, good: bool) -> None:
        email = self.people[who].email if good else "nope"
        self._do(who, EMAIL, self.people[who].set_email(email), email=email)

    @HELD
    @rule(who=WHO, city=CITY, same=st.booleans())
    def ship_to(self, who: int, city: str, same: bool) -> None:
        place, wrong = place_of(self.people[who].name, city)
        self._do(who, SHIP_TO, self.people[who].ship_to(place, wrong, same), address=place.input, same=same)

    @HELD
    @rule(who=WHO, city=CITY)
    def bill_to(self, who: int, city: str) -> None:
        place, wrong = place_of(self.people[who].name, city)
        self._do(who, BILL_TO, self.people[who].bill_to(place, wrong), address=place.input)

    @HELD
    @rule(who=WHO, method=METHOD)
    def send_by(self, who: int, method: tuple[str, str]) -> None:
        self._do(who, SEND_BY, self.people[who].send_by(method), carrier=method[0], method=method[1])

    @HELD
    @rule(who=WHO, code=PAYMENT)
    def pay_by(self, who: int, code: str) -> None:
        number = "PO-1" if code == "purchaseorder" else None
        self._do(who, PAY_BY, self.people[who].pay_by(code), code=code, number=number)

    @HELD
    @rule(who=WHO, city=st.sampled_from(list(CITIES)))
    def take_all_steps(self, who: int, city: str) -> None:
        self.set_email(who, True)
        self.ship_to(who, city, True)
        self.bill_to(who, city)
        self.send_by(who, ("flatrate", "flatrate"))
        self.pay_by(who, "checkmo")

    @HELD
    @rule(who=WHO, agreed=st.sampled_from([True, True, True, False]))
    def order(self, who: int, agreed: bool) -> None:
        shopper = self.people[who]
        asked = {"key": secrets.token_hex(16), "agreements": ["1"] if agreed else []}
        expected = shopper.order(agreed)
        if isinstance(expected, Outcome):
            assert self._do(who, ORDER, expected, **asked)["number"] is None
            return
        payload = self._do(who, ORDER, Outcome(), **asked)
        if isinstance(expected, str):
            assert payload["number"] == expected
        else:
            bill = shopper.bought(expected, payload["number"])
            kinds = {
                "": True,
                " with coupons": bill.discount,
                " with taxes": sum(bill.taxes),
                " of one line": len(bill.rows) == 1,
            }
            self.stage.tally.update(f"orders{kind}" for kind, is_it in kinds.items() if is_it)
        self.keys[who] = {**asked, "number": payload["number"]}

    @rule(who=WHO, asked=FINE, coupon=st.sampled_from(["", "TENOFF", "FIVE"]), city=st.sampled_from(list(CITIES)))
    def buy(self, who: int, asked: list[tuple[str, str]], coupon: str, city: str) -> None:
        """What makes journeys come to an order often enough, and go on after it."""
        if asked:
            self.add(who, asked)
        if coupon:
            self.apply(who, [coupon])
        self.take_all_steps(who, city)
        self.order(who, agreed=True)

    @precondition(lambda self: any(self.keys))
    @rule(who=WHO)
    def order_again_by_the_same_key(self, who: int) -> None:
        if self.keys[who]:
            asked = {name: value for name, value in self.keys[who].items() if name != "number"}
            assert self._do(who, ORDER, Outcome(), **asked)["number"] == self.keys[who]["number"]

    # What happens at Commerce behind the API's back

    @rule(who=WHO, asked=FINE)
    def add_what_there_is(self, who: int, asked: list[tuple[str, str]]) -> None:
        if asked:
            self.add(who, asked)

    @precondition(lambda self: any(one.cart and not one.lost for one in self.people))
    @rule(deleted=st.booleans(), which=st.integers(0, 1))
    def lose_a_cart(self, deleted: bool, which: int) -> None:
        held = [who for who, one in enumerate(self.people) if one.cart and not one.lost]
        who = held[which % len(held)]
        carts = self.stage.commerce.carts
        [masked] = [masked for masked in self.carts[who] if masked in carts and carts[masked].active]
        if deleted:
            del carts[masked]
        else:
            carts[masked].active = False
        self.people[who].lost = True
        self.acting = None

    @rule(who=WHO)
    def look(self, who: int) -> None:
        self._look(who)

    # What holds at all times

    @invariant()
    def what_he_sees_is_what_he_expects(self) -> None:
        for who, one in enumerate(self.people):
            if (one.cart or who == self.acting) and not one.lost:
                self._look(who, LOOK if who == self.acting else GLANCE)

    @invariant()
    def the_orders_are_those_that_were_placed(self) -> None:
        placed = self.stage.commerce.orders[self.stage.first_order :]
        found = [
            {
                "number": order.increment_id,
                "email": order.email,
                "coupons": order.coupons,
                "lines": [
                    (line.ordered_sku, Decimal(str(line.quantity)), Decimal(str(line.row_total)))
                    for line in order.lines
                ],
                "total": Decimal(str(order.grand_total)),
            }
            for order in placed
        ]
        assert found == self.shop.orders

    def teardown(self) -> None:
        self.stage.end()

    # How it is done

    def _uid(self, who: int, at: int) -> str:
        """The uid of one of the shopper's lines, now and then of none."""
        cart = self.people[who].cart
        uids = [line.uid for line in cart.lines if line.uid] if cart else []
        return uids[at % len(uids)] if uids and at < 5 else UNKNOWN_UID

    def _ask(self, who: int, query: str, **variables: Any) -> dict[str, Any]:
        data = self.stage.ask(self.browsers[who], self.people[who].currency, query, **variables)
        other = self.people[1 - who]
        assert other.name not in str(data), f"{other.name} shows in {data}"
        return data

    def _do(self, who: int, query: str, expected: Outcome, **variables: Any) -> dict[str, Any]:
        """Does something and compares the errors, and what is shown beside them."""
        self.acting = who
        [payload] = self._ask(who, query, **variables).values()
        assert [(error["code"], error["path"]) for error in payload["userErrors"]] == expected.errors, payload
        self.stage.tally.update(code for code, _ in expected.errors)
        for name in payload.keys() & {"cart", "checkout"}:
            self._compare(who, name, payload[name], blind=expected.blind)
        return dict(payload)

    def _look(self, who: int, query: str = LOOK) -> None:
        self.people[who].look()
        for name, found in self._ask(who, query).items():
            self._compare(who, name, found)

    def _compare(self, who: int, name: str, found: dict[str, Any] | None, *, blind: bool = False) -> None:
        cart = None if blind else self.people[who].cart
        if cart is None or found is None:
            assert (found is None) == (cart is None), f"{name}: {found}"
        elif name == "checkout":
            found["shippingMethods"].sort(key=lambda one: one["carrier"])
            same(found, shown_checkout(self.shop, cart), name)
        else:
            add_up(found)
            uids = [line.pop("uid") for line in found["lines"]]
            found["totals"]["discounts"].sort(key=lambda one: one["label"])
            same(found, shown_cart(self.shop, cart), name)
            for line, uid in zip(cart.lines, uids, strict=True):
                if line.uid is None:
                    assert uid not in self.seen, "a line has the uid of another"
                    self.seen.add(uid)
                    line.uid = uid
                assert line.uid == uid


def run(stage: Stage, journeys: int, steps: int, *, chance: int | None = None, shrink: bool = True) -> None:
    """So many journeys of at most so many steps; `chance` seeds them, None is the same ones every time.

    Raises what the first journey that fails raised, with its steps; `shrink` looks for the shortest such journey.
    """
    machine = type("Journey", (Journey,), {"stage": stage})
    if chance is not None:
        machine = seed(chance)(machine)
    phases = [Phase.generate, *([Phase.shrink] if shrink else [])]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=journeys,
            stateful_step_count=steps,
            derandomize=chance is None,
            deadline=None,
            database=None,
            phases=phases,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--journeys", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--version", choices=VERSIONS, help="of Commerce; all of them share the journeys if not given")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    versions = [given.version] if given.version else list(VERSIONS)
    journeys = -(-given.journeys // len(versions))
    print(f"seed {given.seed}", flush=True)  # noqa: T201 - this is what it is for
    for version in versions:
        start = time.monotonic()
        with Stage(version) as stage:
            run(stage, journeys, given.steps, chance=given.seed + VERSIONS.index(version))
            told = ", ".join(f"{count} {what}" for what, count in sorted(stage.tally.items()))
        took = time.monotonic() - start
        result = f"{version}: {stage.journey} journeys in {took:.0f} s, all as expected: {told}"
        print(result, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()

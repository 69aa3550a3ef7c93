"""What it would cost to send a cart to an address that is not complete yet; the cart stays as it is.

From 2.4.7 on by GraphQL (`estimateShippingMethods`, `estimateTotals`), before that by the guest cart's REST resources
of the same purpose (recording cart-056), which need no credentials and speak in the currency of the cart.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from app.commerce.client import Reply, StoreContext
from app.commerce.reads import Reads
from app.commerce.rest import Rest
from app.errors import UpstreamFailed, UpstreamInvalid

Node = Mapping[str, Any]
Way = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to: a country, and as far as they are known the region, by its id or its name, and the postcode."""

    country: str
    region_id: int | None = None
    region: str | None = None
    postcode: str | None = None

    def for_graphql(self) -> Node:
        """As `EstimateAddressInput`."""
        region = {"region_id": self.region_id, "region": self.region}
        known = {name: value for name, value in region.items() if value is not None}
        return {
            "country_code": self.country,
            **({"region": known} if known else {}),
            **({"postcode": self.postcode} if self.postcode else {}),
        }

    def for_rest(self) -> Node:
        """As `quote-data-address-interface`, as far as an estimate needs it."""
        address = {"country_id": self.country, "region_id": self.region_id, "region": self.region}
        return {name: value for name, value in {**address, "postcode": self.postcode}.items() if value is not None}


class Estimates:
    """Estimates for carts by their masked id; `reads` gives the newest `Reads`. Both raise an `UpstreamError`: for a
    cart that is no more an `UpstreamFailed` of the category `graphql-no-such-entity`."""

    def __init__(self, reads: Callable[[], Reads], rest: Rest) -> None:
        self._reads = reads
        self._rest = rest

    async def methods(
        self, cart_id: str, to: Destination, store: StoreContext, headers: Mapping[str, str]
    ) -> list[Node]:
        """The ways to ship, as GraphQL's `AvailableShippingMethod`."""
        reads = self._reads()
        if reads.capabilities.operations.offers("EstimateShipping"):
            sent = {"cartId": cart_id, "address": to.for_graphql()}
            reply = await reads.read("EstimateShipping", (), sent, store, headers=headers)
            listed = _root(reply, "estimateShippingMethods")
            return [method for method in listed or () if method]
        listed = await self._ask(cart_id, "estimate-shipping-methods", {"address": to.for_rest()}, store, headers)
        if not isinstance(listed, list) or not all(isinstance(method, dict) for method in listed):
            raise UpstreamInvalid("estimate-shipping-methods: there is no list")
        return [_method(method) for method in listed]

    async def totals(
        self, cart_id: str, to: Destination, way: Way | None, store: StoreContext, headers: Mapping[str, str]
    ) -> Node:
        """The `prices` of a cart that is sent there in one of those ways (carrier and method), or in none yet."""
        reads = self._reads()
        if reads.capabilities.operations.offers("EstimateTotals"):
            sent: dict[str, object] = {"cartId": cart_id, "address": to.for_graphql()}
            if way is not None:
                sent["method"] = {"carrier_code": way[0], "method_code": way[1]}
            reply = await reads.read("EstimateTotals", (), sent, store, headers=headers)
            found: Node = (_root(reply, "estimateTotals") or {}).get("cart") or {}
            return found.get("prices") or {}
        chosen = {"shipping_carrier_code": way[0], "shipping_method_code": way[1]} if way else {}
        body = {"addressInformation": {"address": to.for_rest(), **chosen}}
        told = await self._ask(cart_id, "totals-information", body, store, headers)
        if not isinstance(told, dict):
            raise UpstreamInvalid("totals-information: there are no totals")
        return prices(told)

    async def _ask(
        self, cart_id: str, resource: str, body: Node, store: StoreContext, headers: Mapping[str, str]
    ) -> Any:
        # A customer's cart is not shown to guests, and his own token says which it is.
        own = "Authorization" in headers
        path = f"carts/mine/{resource}" if own else f"guest-carts/{quote(cart_id, safe='')}/{resource}"
        return await self._rest.ask(path, body, store=store.store or "", headers=headers)


def _root(reply: Reply, field: str) -> Any:
    value = reply.data.get(field)
    if value is None and reply.problems:
        raise UpstreamFailed(reply.problems[0].message, reply.problems[0].category)
    return value


def _method(method: Node) -> Node:
    amounts = {name: {"value": method.get(name)} for name in ("amount", "price_incl_tax")}
    return {**method, **amounts}


def prices(told: Node) -> Node:
    """The totals of REST (`quote-data-totals-interface`) as GraphQL's `CartPrices`.

    Its `grand_total` lacks the taxes (Magento_Quote, CartTotalRepository); the segment of that name has them.
    """
    currency = told.get("quote_currency_code")

    def money(value: object) -> Node:
        return {"value": value, "currency": currency}

    segments = {str(each.get("code")): each for each in told.get("total_segments") or () if isinstance(each, dict)}

    def amounts(code: str) -> list[Node]:
        segment = segments.get(code) or {}
        value = segment.get("value")
        return [{"label": segment.get("title"), "amount": money(abs(value))}] if value else []

    return {
        "subtotal_excluding_tax": money(told.get("subtotal")),
        "subtotal_including_tax": money(told.get("subtotal_incl_tax")),
        "subtotal_with_discount_excluding_tax": money(told.get("subtotal_with_discount")),
        "discounts": amounts("discount"),
        "applied_taxes": amounts("tax"),
        "grand_total": money((segments.get("grand_total") or {}).get("value")),
    }

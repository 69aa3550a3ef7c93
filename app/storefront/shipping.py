"""Ways to send an order: what they cost before the address is complete, and places to pick it up at."""

from __future__ import annotations

import asyncio

import strawberry

from app.commerce.estimates import Destination
from app.errors import BadInput, UpstreamFailed
from app.storefront.addresses import MAX_TEXT, check_length, place_of
from app.storefront.basket import Basket
from app.storefront.cart import CartTotals
from app.storefront.common import Money, Node, check_count, check_page, described, present
from app.storefront.context import Context, Info
from app.storefront.links import Links, plain
from app.storefront.selection import selected
from app.storefront.user_errors import may_be_gone

MAX_RADIUS = 20_000  # kilometres: nothing on Earth is further away
MAX_SKUS = 100


@strawberry.type(description="A way to send the order.")
class ShippingMethod:
    carrier: str = described("The carrier's code.")
    method: str = described("The method's code.")
    title: str = described("Both in words.")
    available: bool = described("Whether it can be chosen.")
    message: str | None = described("Why it cannot be chosen.")
    price: Money | None = described("What it costs, without taxes.")
    price_with_tax: Money | None = described("What it costs with taxes, where Commerce tells.")

    @classmethod
    def of(cls, node: Node, links: Links) -> ShippingMethod:
        """From one of Commerce's shipping methods, offered or selected."""
        titles = [plain(node.get("carrier_title")) or "", plain(node.get("method_title")) or ""]
        return cls(
            carrier=str(node.get("carrier_code") or ""),
            method=str(node.get("method_code") or ""),
            title=" - ".join(filter(None, titles)),
            available=node.get("available") is not False,
            message=node.get("error_message") or None,
            price=Money.of(node.get("amount"), links.currency),
            price_with_tax=Money.of(node.get("price_incl_tax"), links.currency),
        )


@strawberry.type(description="What it would cost to send the cart somewhere.")
class ShippingEstimate:
    methods: list[ShippingMethod] = described("The ways to send it there.")
    totals: CartTotals | None = described("What the cart would cost there, sent by the carrier and method asked for.")


@strawberry.type(description="A place where an order can be picked up.")
class PickupLocation:
    code: str = described("The place's code, for `checkoutSetPickup`.")
    name: str = described("The place's name.")
    description: str | None = described("What there is to know of it.")
    street: str | None = described("Street and number.")
    city: str | None = described("The city.")
    region: str | None = described("The region's name.")
    postcode: str | None = described("The postal code.")
    country: str | None = described("The country's code of two letters.")
    latitude: float | None = described("Where it is, in degrees north of the equator.")
    longitude: float | None = described("Where it is, in degrees east of Greenwich.")
    telephone: str | None = described("The telephone number.")
    email: str | None = described("The e-mail address.")
    contact: str | None = described("Whom to ask for.")

    @classmethod
    def of(cls, node: Node) -> PickupLocation:
        """From Commerce's `PickupLocation`."""
        return cls(
            code=str(node["pickup_location_code"]),
            name=plain(node.get("name")) or "",
            description=plain(node.get("description")) or None,
            street=node.get("street") or None,
            city=node.get("city") or None,
            region=node.get("region") or None,
            postcode=node.get("postcode") or None,
            country=node.get("country_id") or None,
            latitude=node.get("latitude"),
            longitude=node.get("longitude"),
            telephone=node.get("phone") or None,
            email=node.get("email") or None,
            contact=node.get("contact_name") or None,
        )


@strawberry.type(description="A page of places where an order can be picked up.")
class PickupLocations:
    total: int = described("How many there are.")
    items: list[PickupLocation] = described("Those of this page.")


@strawberry.type
class ShippingQuery:
    @strawberry.field(
        description=(
            "What it would cost to send the cart to a place of which not all is known yet; null without a cart."
            " `region` is a code or a name. `carrier` and `method`, one of `methods`, are for the totals."
        )
    )
    async def shipping_estimate(
        self,
        info: Info,
        country: str,
        region: str | None = None,
        postcode: str | None = None,
        carrier: str | None = None,
        method: str | None = None,
    ) -> ShippingEstimate | None:
        context, wanted = info.context, selected(info)
        if (carrier is None) != (method is None):
            raise BadInput("method", "needs carrier, and carrier method")
        way = (carrier, method) if carrier is not None and method is not None else None
        basket = Basket(context)
        kept = await basket.kept(changing=False)
        if kept is None or not kept["made"]:
            return None
        to = await _destination(context, country, region, postcode)
        cart_id = str(kept["id"])
        try:
            return await _estimate(context, cart_id, to, way, totals="totals" in wanted, methods="methods" in wanted)
        except UpstreamFailed as error:
            if not may_be_gone(error.category) or await basket.is_there(cart_id):
                raise
            await basket.lose(cart_id)
            return None

    @strawberry.field(
        description=(
            "Where goods can be picked up. `near` is a city, region or postal code in `country`, `radius` in"
            " kilometres around it; with `skus` only places that have all of these products."
        )
    )
    async def pickup_locations(
        self,
        info: Info,
        near: str | None = None,
        country: str | None = None,
        radius: int = 100,
        skus: list[str] | None = None,
        page: int = 1,
        page_size: int = 20,
    ) -> PickupLocations | None:
        context = info.context
        check_page(page, page_size, context.largest_page)
        variables: dict[str, object] = {"pageSize": page_size, "currentPage": page}
        if (near is None) != (country is None):
            raise BadInput("near", "needs country, and country near")
        if near is not None and country is not None:
            if not 1 <= radius <= MAX_RADIUS:
                raise BadInput("radius", f"must be between 1 and {MAX_RADIUS}")
            # A colon parts the place from the country for Commerce (Adobe: pickupLocations query).
            if not near.strip() or ":" in near or len(near) > MAX_TEXT:
                raise BadInput("near", "must be a city, a region or a postal code")
            variables["area"] = {"radius": radius, "search_term": f"{near.strip()}:{country.strip().upper()}"}
        if skus is not None:
            check_count("skus", skus, MAX_SKUS)
            variables["products"] = [{"sku": sku} for sku in skus]
        found = (await context.read("PickupLocations", (), variables)).root("pickupLocations") or {}
        places = [node for node in present(found.get("items")) if node.get("pickup_location_code")]
        return PickupLocations(
            total=found.get("total_count") or 0, items=[PickupLocation.of(place) for place in places]
        )


async def _estimate(
    context: Context, cart_id: str, to: Destination, way: tuple[str, str] | None, *, totals: bool, methods: bool
) -> ShippingEstimate:
    told = (cart_id, to)
    rest = (context.store, await context.headers(cart_id))

    async def ask_methods() -> list[ShippingMethod]:
        if not methods and not (totals and way):
            return []
        nodes = await context.estimates.methods(*told, *rest)
        return [ShippingMethod.of(node, context.links) for node in nodes]

    async def ask_totals() -> CartTotals | None:
        return CartTotals.of({"prices": await context.estimates.totals(*told, way, *rest)}, context.links)

    if not totals:
        return ShippingEstimate(methods=await ask_methods(), totals=None)
    if way is None:
        offered, sums = await asyncio.gather(ask_methods(), ask_totals())
        return ShippingEstimate(methods=offered, totals=sums)
    offered = await ask_methods()
    chosen = next((each for each in offered if (each.carrier, each.method) == way and each.available), None)
    if chosen is None:
        raise BadInput("method", "is not offered for this place")
    sums = await ask_totals()
    assert sums is not None
    sums.shipping = chosen.price
    return ShippingEstimate(methods=offered, totals=sums)


async def _destination(context: Context, country: str, region: str | None, postcode: str | None) -> Destination:
    """The place, with the region by its id where the country has a list of them. Raises `BadInput`."""
    check_length("postcode", postcode)
    place = await place_of(context, country, region)
    if place.region is None:
        return Destination(place.country.code, region=place.written, postcode=postcode)
    return Destination(place.country.code, region_id=place.region.id, region=place.region.name, postcode=postcode)

"""What customers do with their accounts: names, newsletter, address book, orders (cust-021 to cust-026, cust-070)."""

from __future__ import annotations

from typing import Any

from .accounts import known, told
from .addresses import country_of, region_of
from .call import Call, Info, call
from .errors import AUTHORIZATION, NO_SUCH_ENTITY, CommerceError
from .model import Customer
from .ordering import shown
from .rest_customers import stamp

MISSING = ("firstname", "lastname", "city", "country_code", "postcode", "street", "telephone")


def update(_root: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    """Changes what is given (cust-026)."""
    context = call(info)
    one = known(context)
    for name in ("firstname", "lastname"):
        if name in input:
            if not input[name]:
                raise CommerceError(f"Required parameters are missing: {name}")
            setattr(one, name, input[name])
    if "is_subscribed" in input:
        one.subscribed = bool(input["is_subscribed"])
    one.updated_at = stamp(context.shop)
    return {"customer": told(context, one)}


def create_address(_root: Any, info: Info, input: dict[str, Any]) -> dict[str, Any]:
    """A new address (cust-021), or which of its parameters are missing (cust-022)."""
    context = call(info)
    one = known(context)
    missing = [name for name in MISSING if not input.get(name)]
    if missing:
        raise CommerceError(f"Required parameters are missing: {', '.join(missing)}")
    kept: dict[str, Any] = {"id": next(context.shop.address_numbers), "customer_id": one.id}
    _take(one, kept, input)
    one.addresses.append(kept)
    return address(one, kept)


def update_address(_root: Any, info: Info, id: int, input: dict[str, Any] | None = None) -> dict[str, Any]:
    """Changes what is given of an address (cust-023)."""
    one, kept = _own(call(info), id)
    _take(one, kept, input or {})
    return address(one, kept)


def delete_address(_root: Any, info: Info, id: int) -> bool:
    """Removes an address; another's is refused (cust-025), and so is none (cust-024)."""
    one, kept = _own(call(info), id)
    one.addresses.remove(kept)
    number = str(kept["id"])
    one.default_billing = None if one.default_billing == number else one.default_billing
    one.default_shipping = None if one.default_shipping == number else one.default_shipping
    return True


def _own(context: Call, id: int) -> tuple[Customer, dict[str, Any]]:
    one = known(context)
    found = next(((who, kept) for who in context.shop.customers for kept in who.addresses if kept["id"] == id), None)
    if found is None:
        raise CommerceError(f'Could not find a address with ID "{id}"', NO_SUCH_ENTITY)
    if found[0] is not one:
        raise CommerceError(f'Current customer does not have permission to address with ID "{id}"', AUTHORIZATION)
    return found


def _take(one: Customer, kept: dict[str, Any], given: dict[str, Any]) -> None:
    country = str(given.get("country_code", kept.get("country_id")))
    if country_of(country) is None:
        raise CommerceError("Country is not available")
    for name in ("firstname", "lastname", "company", "street", "city", "postcode", "telephone"):
        if name in given:
            kept[name] = given[name]
    kept["country_id"] = country
    if "region" in given:
        asked = given["region"]
        region, code, number = region_of(
            country, asked.get("region_code") or asked.get("region"), asked.get("region_id")
        )
        kept["region"] = {"region": region, "region_code": code, "region_id": number or 0}
        kept["region_id"] = number or 0
    for kind in ("billing", "shipping"):
        default = f"default_{kind}"
        if given.get(default):
            setattr(one, default, str(kept["id"]))
        elif default in given and getattr(one, default) == str(kept["id"]):
            setattr(one, default, None)


def address(one: Customer, kept: dict[str, Any]) -> dict[str, Any]:
    """`CustomerAddress`."""
    return {
        **kept,
        "uid": str(kept["id"]),
        "country_code": kept.get("country_id"),
        "default_billing": str(kept["id"]) == one.default_billing,
        "default_shipping": str(kept["id"]) == one.default_shipping,
    }


def addresses(one: dict[str, Any], _info: Info) -> list[dict[str, Any]]:
    """The address book."""
    who: Customer = one["record"]
    return [address(who, kept) for kept in who.addresses]


def orders(
    one: dict[str, Any],
    info: Info,
    currentPage: int = 1,  # noqa: N803
    pageSize: int = 20,  # noqa: N803
    filter: dict[str, Any] | None = None,
    sort: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The customer's orders, by number if asked for (cust-070, cust-071)."""
    context = call(info)
    who: Customer = one["record"]
    own = [order for order in context.shop.orders if order.customer == who.id]
    number = ((filter or {}).get("number") or {}).get("eq")
    if number is not None:
        own = [order for order in own if order.increment_id == number]
    if sort and sort["sort_direction"] == "DESC":
        own.reverse()
    pages = -(-len(own) // pageSize)
    begin = (currentPage - 1) * pageSize
    return {
        "total_count": len(own),
        "page_info": {"current_page": currentPage, "page_size": pageSize, "total_pages": pages},
        "items": [shown(context, order) for order in own[begin : begin + pageSize]],
    }


FIELDS = {
    "Customer": {"addresses": addresses, "orders": orders},
    "Mutation": {
        "updateCustomerV2": update,
        "createCustomerAddress": create_address,
        "updateCustomerAddress": update_address,
        "deleteCustomerAddress": delete_address,
    },
}

"""The customer who is signed in: what the shop knows of him, his address book, and what he ordered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import strawberry

from app.auth.exchange import Signed
from app.commerce.client import NOT_FOUND, UNAUTHORIZED, Problem
from app.errors import BadInput, UpstreamFailed
from app.storefront.addresses import Address, AddressInput, at_fields, check_length, commerce_address
from app.storefront.common import Node, check_page, described, present, time_of
from app.storefront.context import Context, Info
from app.storefront.customer_orders import CustomerOrder, CustomerOrderPage
from app.storefront.links import plain
from app.storefront.selection import selected
from app.storefront.user_errors import Mendable, UserError, UserErrors, mendable, user_error

MAX_ORDERS = 20
LARGEST_ID = 2**31 - 1


@strawberry.type(description="An address of a customer's address book.")
class CustomerAddress:
    id: strawberry.ID = described("The address's identifier.")
    address: Address = described("The address.")
    default_shipping: bool = described("Whether orders are sent here if nothing else is said.")
    default_billing: bool = described("Whether bills go here if nothing else is said.")

    @classmethod
    def of(cls, node: Node) -> CustomerAddress | None:
        """From Commerce's `CustomerAddress`; None for one without a name, which no order could take."""
        region = node.get("region") or {}
        shown = {"label": region.get("region"), "code": region.get("region_code")}
        address = Address.of({**node, "region": shown, "country": {"code": node.get("country_code")}})
        if address is None:
            return None
        return cls(
            id=strawberry.ID(str(node["id"])),
            address=address,
            default_shipping=bool(node.get("default_shipping")),
            default_billing=bool(node.get("default_billing")),
        )


@strawberry.type(description="The customer who is signed in.")
class Customer:
    email: str = described("The e-mail address.")
    first_name: str = described("The first name.")
    last_name: str = described("The last name.")
    newsletter: bool = described("Whether the shop's newsletter is sent.")
    created_at: datetime | None = described("When the account was made.")
    addresses: list[CustomerAddress] = described("The address book.")

    @classmethod
    def of(cls, node: Node) -> Customer:
        """From Commerce's `Customer`."""
        created = node.get("created_at")
        return cls(
            email=node.get("email") or "",
            first_name=plain(node.get("firstname")) or "",
            last_name=plain(node.get("lastname")) or "",
            newsletter=bool(node.get("is_subscribed")),
            created_at=time_of(created) if created else None,
            addresses=[found for each in present(node.get("addresses")) if (found := CustomerAddress.of(each))],
        )

    @strawberry.field(
        description=f"The orders, {MAX_ORDERS} at most on a page; the newest first where Commerce sorts them (2.4.6)."
    )
    async def orders(self, info: Info, page: int = 1, page_size: int = 10) -> CustomerOrderPage:
        check_page(page, page_size, MAX_ORDERS)
        reply = await info.context.fresh("CustomerOrders", (), {"page": page, "pageSize": page_size})
        return CustomerOrderPage.of((reply.root("customer") or {}).get("orders") or {}, page, info.context.links)

    @strawberry.field(description="The order of this number; null if it is none of this customer's.")
    async def order(self, info: Info, number: str) -> CustomerOrder | None:
        if not number.strip():
            raise BadInput("number", "must not be empty")
        check_length("number", number)
        reply = await info.context.fresh("CustomerOrder", (), {"number": number.strip()})
        orders = (reply.root("customer") or {}).get("orders") or {}
        # Commerce's filters find more than they are asked for in some versions.
        found = next((each for each in present(orders.get("items")) if each.get("number") == number.strip()), None)
        return CustomerOrder.of(found, info.context.links) if found else None


@strawberry.type(description="The customer after a change, or what kept it from being made.")
class CustomerPayload:
    customer: Customer | None = described("The customer as he is now.", default=None)
    user_errors: list[UserError] = described("What the shopper can mend.", default_factory=list)


@strawberry.type(description="An address after a change, or what kept it from being made.")
class CustomerAddressPayload:
    address: CustomerAddress | None = described("The address as it is now.", default=None)
    user_errors: list[UserError] = described("What the shopper can mend.", default_factory=list)


@strawberry.type(description="Whether an address was removed.")
class CustomerAddressRemovePayload:
    removed: strawberry.ID | None = described("The address that is no more.", default=None)
    user_errors: list[UserError] = described("What the shopper can mend.", default_factory=list)


@strawberry.type
class AccountQuery:
    @strawberry.field(description="The customer who is signed in; null for a guest.")
    async def customer(self, info: Info) -> Customer | None:
        if await info.context.signed_in.customer() is None:
            return None
        return await _customer(info.context, with_addresses="addresses" in selected(info))


@strawberry.type
class AccountMutation:
    @strawberry.mutation(
        description="Changes the name, or whether the newsletter is sent; what is not given stays.",
        extensions=[UserErrors(CustomerPayload)],
    )
    async def customer_update(
        self, info: Info, first_name: str | None = None, last_name: str | None = None, newsletter: bool | None = None
    ) -> CustomerPayload:
        given: dict[str, object] = {}
        for argument, name, text in (("firstName", "firstname", first_name), ("lastName", "lastname", last_name)):
            if text is not None:
                check_length(argument, text)
                if not text.strip():
                    raise BadInput(argument, "must not be empty")
                given[name] = text.strip()
        if newsletter is not None:
            given["is_subscribed"] = newsletter
        if not given:
            raise BadInput("firstName", "nothing is said that is to change")
        await change(info.context, "UpdateCustomer", "updateCustomerV2", {"input": given})
        with_addresses = "addresses" in selected(info).at("customer")
        return CustomerPayload(customer=await _customer(info.context, with_addresses=with_addresses))

    @strawberry.mutation(
        description="Puts an address into the address book.", extensions=[UserErrors(CustomerAddressPayload)]
    )
    async def customer_add_address(
        self, info: Info, address: AddressInput, default_shipping: bool = False, default_billing: bool = False
    ) -> CustomerAddressPayload:
        await known(info.context)
        given = await _for_address_book(info.context, address)
        given |= {"default_shipping": default_shipping, "default_billing": default_billing}
        return await _write_address(info, "CreateAddress", "createCustomerAddress", {"address": given}, address)

    @strawberry.mutation(
        description="Replaces an address of the address book; whether it is a default stays where it is not given.",
        extensions=[UserErrors(CustomerAddressPayload)],
    )
    async def customer_update_address(
        self,
        info: Info,
        id: strawberry.ID,
        address: AddressInput,
        default_shipping: bool | None = None,
        default_billing: bool | None = None,
    ) -> CustomerAddressPayload:
        await known(info.context)
        number = _number(id)
        given = await _for_address_book(info.context, address)
        # What is left out stays as it was, and the address as a whole is replaced.
        given = {"company": "", "telephone": "", **given}
        defaults = {"default_shipping": default_shipping, "default_billing": default_billing}
        given |= {name: value for name, value in defaults.items() if value is not None}
        sent = {"id": number, "address": given}
        return await _write_address(info, "UpdateAddress", "updateCustomerAddress", sent, address)

    @strawberry.mutation(
        description="Removes an address from the address book.", extensions=[UserErrors(CustomerAddressRemovePayload)]
    )
    async def customer_remove_address(self, info: Info, id: strawberry.ID) -> CustomerAddressRemovePayload:
        await known(info.context)
        await change(info.context, "DeleteAddress", "deleteCustomerAddress", {"id": _number(id)})
        return CustomerAddressRemovePayload(removed=id)


async def known(context: Context) -> Signed:
    """Who is signed in. Raises `Unauthenticated` for a guest, and what `SignedIn.customer` raises."""
    signed = await context.signed_in.customer()
    if signed is None:
        raise context.step_up.sign_in()
    return signed


async def _customer(context: Context, *, with_addresses: bool) -> Customer:
    reply = await context.fresh("Account", ("addresses",) if with_addresses else (), {})
    node = reply.root("customer")
    if not node:
        raise UpstreamFailed("Account: there is no customer")
    return Customer.of(node)


async def change(context: Context, operation: str, root: str, variables: Mapping[str, Any], *path: str) -> Any:
    """What a mutation of the account answered. Raises `Unauthenticated`, `Mendable` or an `UpstreamError`."""
    await known(context)
    try:
        reply = await context.write(operation, (), variables)
    except UpstreamFailed as error:
        if not error.category:
            raise
        raise _refusal(Problem(error.detail, error.category, ()), operation, variables, path) from None
    value = reply.data.get(root)
    # A deletion that did not take place is false, and says no more.
    if value is not None and value is not False:
        return value
    for problem in reply.problems:
        raise _refusal(problem, operation, variables, path)
    raise UpstreamFailed(f"{operation}: neither a value nor an error")


def _refusal(problem: Problem, operation: str, variables: Mapping[str, Any], path: tuple[str, ...]) -> Exception:
    # Commerce tells somebody else's address from none at all (cust-024, cust-025); here nobody finds out.
    if problem.category in (NOT_FOUND, UNAUTHORIZED) and "id" in variables and str(variables["id"]) in problem.message:
        return _no_address()
    return mendable(problem, operation, path)


def _no_address() -> Mendable:
    return Mendable("ADDRESS_NOT_FOUND", "There is no such address.", ("id",))


def _number(id: strawberry.ID) -> int:
    """Commerce's number of an address. Raises `Mendable` for what is none."""
    if not (id.isascii() and id.isdigit()) or not 0 < int(id[:20]) <= LARGEST_ID:
        raise _no_address()
    return int(id)


async def _for_address_book(context: Context, given: AddressInput) -> dict[str, Any]:
    """Commerce's `CustomerAddressInput`. Raises as `commerce_address`."""
    found = await commerce_address(context, given, "address")
    del found["save_in_address_book"]
    region, number = found.pop("region", None), found.pop("region_id", None)
    if number is not None:
        found["region"] = {"region_code": region, "region_id": number}
    elif region is not None:
        found["region"] = {"region": region}
    return found


async def _write_address(
    info: Info, operation: str, root: str, variables: Mapping[str, Any], given: AddressInput
) -> CustomerAddressPayload:
    try:
        node = await change(info.context, operation, root, variables, "address")
    except Mendable as error:
        return CustomerAddressPayload(user_errors=at_fields([user_error(error)], given, "address"))
    return CustomerAddressPayload(address=CustomerAddress.of(node))

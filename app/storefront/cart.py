"""The shopper's cart: what is in it, what it costs, and what can be done with it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import strawberry

from app.errors import BadInput
from app.storefront.basket import Basket
from app.storefront.common import Image, Money, Node, described, present
from app.storefront.context import Info
from app.storefront.links import Links, plain
from app.storefront.options import IN_STOCK
from app.storefront.user_errors import LINE_CODES, CartGone, Mendable, UserError, UserErrors, code_of, user_error

MAX_LINES = 100
MAX_COUPONS = 10
MAX_QUANTITY = Decimal(1_000_000)
REPLACED = UserError(
    code="CART_EXPIRED",
    message="The cart was not there any more: it was ordered or had run out. A new one was begun.",
    path=[],
)


@strawberry.type(description="Something that lowers or raises a total.")
class CartAmount:
    label: str = described("What it is, in words.")
    amount: Money = described("How much it is.")

    @classmethod
    def all_of(cls, nodes: list[Node | None] | None, currency: str) -> list[CartAmount]:
        """From any of Commerce's `{label amount}`."""
        found = ((node, Money.of(node.get("amount"), currency)) for node in present(nodes))
        return [cls(label=plain(node.get("label")) or "", amount=amount) for node, amount in found if amount]


@strawberry.type(description="What was chosen or written for a line.")
class ChosenOption:
    label: str = described("What was to be chosen, such as Color.")
    value: str = described("What was chosen, such as Blue.")


@strawberry.type(description="A message that goes with a present.")
class GiftMessage:
    sender: str = described("Who gives.")
    recipient: str = described("Who is given to.")
    message: str = described("The message.")


@strawberry.type(description="Something wrong with a line that was fine when it was put in.")
class LineProblem:
    code: str = described("What is wrong, as a stable code.")
    message: str = described("What is wrong, in words.")


@strawberry.type(description="A line of the cart.")
class CartLine:
    uid: strawberry.ID = described("The line's identifier, for `cartUpdate` and `cartRemove`.")
    sku: str = described("The product's SKU.")
    variant_sku: str | None = described("The SKU of the chosen variant, for a product with variants.")
    name: str = described("The product's name.")
    url: str | None = described("The product's URL in the storefront.")
    image: Image | None = described("A small picture, of the chosen variant if it has one.")
    in_stock: bool = described("Whether the product can be bought now.")
    quantity: Decimal = described("How many.")
    options: list[ChosenOption] = described("What was chosen.")
    gift_message: GiftMessage | None = described("The message that goes with it.")
    price: Money | None = described("The price of one.")
    total: Money | None = described("The price of all, without taxes and before discounts.")
    total_with_tax: Money | None = described("The price of all with taxes, before discounts.")
    discount: Money | None = described("How much the discounts take off.")
    discounts: list[CartAmount] = described("The discounts.")
    problems: list[LineProblem] = described("What is wrong with it now, where Commerce tells (2.4.6 and later).")

    @classmethod
    def of(cls, node: Node, links: Links) -> CartLine:
        """From one of Commerce's `CartItemInterface`."""
        product = node.get("product") or {}
        variant = node.get("configured_variant") or {}
        prices = node.get("prices") or {}
        name = plain(product.get("name")) or ""
        key = product.get("url_key")
        gift = node.get("gift_message")
        return cls(
            uid=strawberry.ID(str(node["uid"])),
            sku=product.get("sku") or "",
            variant_sku=variant.get("sku"),
            name=name,
            url=links.path(f"{key}{product.get('url_suffix') or ''}") if key else None,
            image=Image.of(variant.get("thumbnail"), name, links) or Image.of(product.get("thumbnail"), name, links),
            in_stock=product.get("stock_status") == IN_STOCK,
            quantity=Decimal(str(node.get("quantity") or 0)),
            options=_options(node),
            gift_message=gift
            and GiftMessage(
                sender=gift.get("from") or "", recipient=gift.get("to") or "", message=gift.get("message") or ""
            ),
            price=Money.of(prices.get("price"), links.currency),
            total=Money.of(prices.get("row_total"), links.currency),
            total_with_tax=Money.of(prices.get("row_total_including_tax"), links.currency),
            discount=Money.of(prices.get("total_item_discount"), links.currency),
            discounts=CartAmount.all_of(prices.get("discounts"), links.currency),
            problems=[
                LineProblem(code=code_of(problem.get("message") or ""), message=problem.get("message") or "")
                for problem in present(node.get("errors"))
            ],
        )


def _options(node: Node) -> list[ChosenOption]:
    chosen = [
        (option.get("option_label"), option.get("value_label")) for option in present(node.get("configurable_options"))
    ]
    for part in present(node.get("bundle_options")):
        for value in present(part.get("values")):
            quantity = Decimal(str(value.get("quantity") or 1)).normalize()
            chosen.append((part.get("label"), f"{quantity:f} × {value.get('label')}"))
    chosen += [("", link.get("title")) for link in present(node.get("links"))]
    for option in present(node.get("customizable_options") or node.get("custom_options_of_variant")):
        values = [value.get("label") or value.get("value") for value in present(option.get("values"))]
        chosen.append((option.get("label"), ", ".join(filter(None, values))))
    return [ChosenOption(label=plain(label) or "", value=plain(value) or "") for label, value in chosen]


@strawberry.type(description="What the cart costs.")
class CartTotals:
    subtotal: Money | None = described("All lines, without taxes and before discounts.")
    subtotal_with_tax: Money | None = described("All lines with taxes, before discounts.")
    subtotal_with_discount: Money | None = described("All lines after discounts, without taxes.")
    discounts: list[CartAmount] = described("The discounts.")
    shipping: Money | None = described("The chosen shipping; null as long as none is chosen.")
    taxes: list[CartAmount] = described("The taxes.")
    grand_total: Money | None = described("What is to be paid.")

    @classmethod
    def of(cls, node: Node, links: Links) -> CartTotals:
        """From a cart's `prices` and its selected shipping."""
        prices = node.get("prices") or {}
        address = next(iter(present(node.get("shipping_addresses"))), {})
        return cls(
            subtotal=Money.of(prices.get("subtotal_excluding_tax"), links.currency),
            subtotal_with_tax=Money.of(prices.get("subtotal_including_tax"), links.currency),
            subtotal_with_discount=Money.of(prices.get("subtotal_with_discount_excluding_tax"), links.currency),
            discounts=CartAmount.all_of(prices.get("discounts"), links.currency),
            shipping=Money.of((address.get("selected_shipping_method") or {}).get("amount"), links.currency),
            taxes=CartAmount.all_of(prices.get("applied_taxes"), links.currency),
            grand_total=Money.of(prices.get("grand_total"), links.currency),
        )


@strawberry.type(description="The shopper's cart.")
class Cart:
    lines: list[CartLine] = described("What is in it.")
    quantity: Decimal = described("How many things are in it.")
    coupons: list[str] = described("The coupons that are applied.")
    is_virtual: bool = described("Whether nothing in it is shipped.")
    totals: CartTotals = described("What it costs.")

    @classmethod
    def of(cls, node: Node, links: Links) -> Cart:
        """From Commerce's `Cart`; its id never leaves."""
        return cls(
            lines=[CartLine.of(line, links) for line in present(node.get("items"))],
            quantity=Decimal(str(node.get("total_quantity") or 0)),
            coupons=[str(coupon["code"]) for coupon in present(node.get("applied_coupons"))],
            is_virtual=bool(node.get("is_virtual")),
            totals=CartTotals.of(node, links),
        )


@strawberry.type(description="The cart after a change, or what kept it from being changed.")
class CartPayload:
    cart: Cart | None = described("The cart as it is now; null when it could not be read.", default=None)
    user_errors: list[UserError] = described("What the shopper can mend.", default_factory=list)


@strawberry.type(description="The cart after lines were put in, and which of them went in.")
class CartAddPayload:
    cart: Cart | None = described("The cart as it is now; null when it could not be read.", default=None)
    added: list[bool] = described("For each of the given lines, whether it went in.", default_factory=list)
    user_errors: list[UserError] = described("What the shopper can mend.", default_factory=list)


@strawberry.input(description="A value written for a customizable option, or another quantity for a bundle's choice.")
class EnteredOption:
    uid: strawberry.ID = described("The option's identifier.")
    value: str = described("The value.")


@strawberry.input(description="A product to put into the cart. Products of a group are put in one by one.")
class CartLineInput:
    sku: str = described("The product's SKU; of a product with variants its own, not the variant's.")
    quantity: Decimal = described("How many.", default=Decimal(1))
    options: list[strawberry.ID] = described(
        "The identifiers of all that was chosen: option values, bundle choices, files.", default_factory=list
    )
    entered: list[EnteredOption] = described("What was written.", default_factory=list)


@strawberry.input(description="A message that goes with a present.")
class GiftMessageInput:
    sender: str = described("Who gives.")
    recipient: str = described("Who is given to.")
    message: str = described("The message.")


@strawberry.input(description="A change to a line of the cart.")
class CartLineUpdate:
    uid: strawberry.ID = described("The line's identifier.")
    quantity: Decimal | None = described("How many; zero removes the line.", default=None)
    gift_message: GiftMessageInput | None = described("The message that goes with it.", default=None)


def _check_quantity(path: str, quantity: Decimal, least: Decimal) -> float:
    if not quantity.is_finite() or not least <= quantity <= MAX_QUANTITY:
        raise BadInput(path, f"must be between {least} and {MAX_QUANTITY}")
    return float(quantity)


def check_lines(argument: str, given: int) -> None:
    """Raises `BadInput` unless there are between one and `MAX_LINES` lines."""
    if not 1 <= given <= MAX_LINES:
        raise BadInput(argument, f"takes between 1 and {MAX_LINES} lines")


def _counted(node: Node | None) -> dict[str, Decimal]:
    """How many of each SKU are in a cart."""
    counted: dict[str, Decimal] = {}
    for line in present((node or {}).get("items")):
        sku = str((line.get("product") or {}).get("sku") or "").casefold()
        counted[sku] = counted.get(sku, Decimal(0)) + Decimal(str(line.get("quantity") or 0))
    return counted


def went_in(lines: list[CartLineInput], before: Node | None, after: Node) -> list[bool]:
    """Which lines are in the cart now: as many of each SKU as came in, given to the lines in their order."""
    had, has = _counted(before), _counted(after)
    came = {sku: count - had.get(sku, Decimal(0)) for sku, count in has.items()}
    added = []
    for line in lines:
        sku = line.sku.casefold()
        fits = came.get(sku, Decimal(0)) >= line.quantity
        if fits:
            came[sku] -= line.quantity
        added.append(fits)
    return added


def line_errors(errors: list[Node], lines: list[CartLineInput], added: list[bool]) -> list[UserError]:
    """Commerce's errors of lines, each at the line that it is about.

    Commerce does not say which, but tells them in the order of the lines: where their number is that of the lines
    that did not go in, they belong together one by one.
    """
    failed = [place for place, is_in in enumerate(added) if not is_in]
    places = failed if len(failed) == len(errors) else [None] * len(errors)
    found = []
    for error, place in zip(errors, places, strict=True):
        message = str(error.get("message") or "")
        code = LINE_CODES.get(str(error.get("code"))) or code_of(message)
        named = next((at for at, line in enumerate(lines) if f'"{line.sku}"' in message), place)
        if named is None and len(lines) == 1:
            named = 0
        path = ["lines"] if named is None else ["lines", str(named)]
        found.append(UserError(code=code, message=message, path=path))
    return found


async def read_cart(info: Info) -> Cart | None:
    """The shopper's cart, or None."""
    node = await Basket(info.context).read(())
    return Cart.of(node, info.context.links) if node else None


@strawberry.type
class CartQuery:
    @strawberry.field(description="The shopper's cart, or null as long as nothing was put into one.")
    async def cart(self, info: Info) -> Cart | None:
        try:
            return await read_cart(info)
        except CartGone:
            return None


@strawberry.type
class CartMutation:
    @strawberry.mutation(
        description=f"Puts up to {MAX_LINES} products into the cart; those that can go in do.",
        extensions=[UserErrors(CartAddPayload)],
    )
    async def cart_add(self, info: Info, lines: list[CartLineInput]) -> CartAddPayload:
        check_lines("lines", len(lines))
        items: list[dict[str, object]] = [
            {
                "sku": line.sku,
                "quantity": _check_quantity(f"lines[{place}].quantity", line.quantity, Decimal("0.0001")),
                "selected_options": list(line.options),
                "entered_options": [{"uid": entered.uid, "value": entered.value} for entered in line.entered],
            }
            for place, line in enumerate(lines)
        ]
        basket = Basket(info.context)
        before = None
        if len(lines) > 1:
            try:
                before = await basket.read(())
            except CartGone:
                before = None
        reply, replaced = await basket.add("AddToCart", "addProductsToCart", {"items": items}, (), "lines")
        errors = present(reply.get("user_errors"))
        node = reply.get("cart") or {}
        added = [not errors]
        if len(lines) > 1:
            # Totals of the answer to several lines are stale (recording cart-121): the cart is read again.
            node = await basket.read(()) or {}
            added = went_in(lines, None if replaced else before, node) if errors else [True] * len(lines)
        return CartAddPayload(
            cart=Cart.of(node, info.context.links),
            added=added,
            user_errors=[*([REPLACED] if replaced else []), *line_errors(errors, lines, added)],
        )

    @strawberry.mutation(
        description="Changes quantities and gift messages of lines.", extensions=[UserErrors(CartPayload)]
    )
    async def cart_update(self, info: Info, lines: list[CartLineUpdate]) -> CartPayload:
        check_lines("lines", len(lines))
        items = []
        for place, line in enumerate(lines):
            item: dict[str, object] = {"cart_item_uid": line.uid}
            if line.quantity is not None:
                item["quantity"] = _check_quantity(f"lines[{place}].quantity", line.quantity, Decimal(0))
            if line.gift_message is not None:
                gift = line.gift_message
                item["gift_message"] = {"from": gift.sender, "to": gift.recipient, "message": gift.message}
            items.append(item)
        return await _update(info, items, "lines")

    @strawberry.mutation(description="Removes lines from the cart.", extensions=[UserErrors(CartPayload)])
    async def cart_remove(self, info: Info, uids: list[strawberry.ID]) -> CartPayload:
        check_lines("uids", len(uids))
        return await _update(info, [{"cart_item_uid": uid, "quantity": 0} for uid in uids], "uids")

    @strawberry.mutation(description="Removes all lines from the cart.", extensions=[UserErrors(CartPayload)])
    async def cart_clear(self, info: Info) -> CartPayload:
        node = await Basket(info.context).read(())
        lines = present((node or {}).get("items"))
        if node is None or not lines:
            return CartPayload(cart=Cart.of(node, info.context.links) if node else None)
        return await _update(info, [{"cart_item_uid": line["uid"], "quantity": 0} for line in lines])

    @strawberry.mutation(
        description="Applies coupons to the cart; before Commerce 2.4.7 a cart has one at most.",
        extensions=[UserErrors(CartPayload)],
    )
    async def cart_apply_coupons(self, info: Info, codes: list[str]) -> CartPayload:
        given = _coupons(codes)
        if info.context.capabilities.operations.variant("ApplyCoupons"):
            if len(given) > 1:
                raise Mendable("COUPON_ALREADY_APPLIED", "A cart can have only one coupon.", ("codes", "1"))
            return await _write(info, "ApplyCoupons", "applyCouponToCart", {"code": given[0]}, "codes", "0")
        return await _write(info, "ApplyCoupons", "applyCouponsToCart", {"codes": given}, "codes")

    @strawberry.mutation(description="Takes coupons from the cart.", extensions=[UserErrors(CartPayload)])
    async def cart_remove_coupons(self, info: Info, codes: list[str]) -> CartPayload:
        given = _coupons(codes)
        if info.context.capabilities.operations.variant("RemoveCoupons"):
            return await _write(info, "RemoveCoupons", "removeCouponFromCart", {}, "codes")
        return await _write(info, "RemoveCoupons", "removeCouponsFromCart", {"codes": given}, "codes")


def _coupons(codes: list[str]) -> list[str]:
    given = [code.strip() for code in codes]
    if not 1 <= len(given) <= MAX_COUPONS or not all(given):
        raise BadInput("codes", f"takes between 1 and {MAX_COUPONS} codes that are not empty")
    return given


async def _update(info: Info, items: list[dict[str, object]], *path: str) -> CartPayload:
    return await _write(info, "UpdateCart", "updateCartItems", {"items": items}, *path)


async def _write(info: Info, operation: str, root: str, variables: dict[str, Any], *path: str) -> CartPayload:
    """Changes the cart; what the shopper can mend comes beside the cart as it is."""
    basket = Basket(info.context)
    try:
        reply = await basket.write(operation, root, variables, (), *path)
    except CartGone:
        raise
    except Mendable as error:
        node = await basket.read(())
        return CartPayload(cart=Cart.of(node, info.context.links) if node else None, user_errors=[user_error(error)])
    # From 2.4.8 on Commerce tells refused updates beside the unchanged cart.
    errors = [
        UserError(code=code_of(message), message=message, path=list(path))
        for message in (str(error.get("message") or "") for error in present(reply.get("errors")))
    ]
    return CartPayload(cart=Cart.of(reply.get("cart") or {}, info.context.links), user_errors=errors)

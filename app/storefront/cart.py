"""The shopper's cart: what is in it and what it costs."""

from __future__ import annotations

from decimal import Decimal

import strawberry

from app.storefront.basket import Basket
from app.storefront.common import Image, Money, Node, described, present
from app.storefront.context import Info
from app.storefront.links import Links, plain
from app.storefront.options import IN_STOCK, OUT_OF_STOCK
from app.storefront.user_errors import ITEM_CODES, UNKNOWN, code_of, shown


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

    @classmethod
    def of(cls, node: Node | None) -> GiftMessage | None:
        """From Commerce's `GiftMessage`; None where there is none."""
        if not node:
            return None
        return cls(sender=node.get("from") or "", recipient=node.get("to") or "", message=node.get("message") or "")


@strawberry.type(description="Something wrong with a line that was fine when it was put in.")
class LineProblem:
    code: str = described("What is wrong, as a stable code.")
    message: str = described("What is wrong, in words.")

    @classmethod
    def of(cls, node: Node) -> LineProblem:
        """From Commerce's `CartItemError`."""
        message = str(node.get("message") or "")
        code = code_of(message)
        if code == UNKNOWN:
            code = ITEM_CODES.get(str(node.get("code")), code)
        return cls(code=code, message=shown(message))


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
        discounts = CartAmount.all_of(prices.get("discounts"), links.currency)
        return cls(
            uid=strawberry.ID(str(node["uid"])),
            sku=product.get("sku") or "",
            variant_sku=variant.get("sku"),
            name=name,
            url=links.path(f"{key}{product.get('url_suffix') or ''}") if key else None,
            image=Image.of(variant.get("thumbnail"), name, links) or Image.of(product.get("thumbnail"), name, links),
            in_stock=product.get("stock_status") == IN_STOCK and variant.get("stock_status") != OUT_OF_STOCK,
            quantity=Decimal(str(node.get("quantity") or 0)),
            options=_options(node),
            gift_message=GiftMessage.of(node.get("gift_message")),
            price=Money.of(prices.get("price"), links.currency),
            total=Money.of(prices.get("row_total"), links.currency),
            total_with_tax=Money.of(prices.get("row_total_including_tax"), links.currency),
            # Of a bundle Commerce says zero: only the single discounts tell (recording cart-013).
            discount=_sum(discounts) or Money.of(prices.get("total_item_discount"), links.currency),
            discounts=discounts,
            problems=[LineProblem.of(problem) for problem in present(node.get("errors"))],
        )


def can_be_bought(node: Node | None) -> bool:
    """Whether one of Commerce's `CartItemInterface` can be ordered, as far as Commerce tells.

    `errors` say it from 2.4.6 on; before that some versions leave out the line itself (magento/magento2#33281). Stock
    is looked at as well, but not of bundles and of what has customizable options: their SKU in a cart is made of those
    of their parts, and Commerce finds no stock of that (magento/magento2#39065, #39249). `is_available` says no more
    than `errors`, and where it fails the line is lost.
    """
    if node is None or present(node.get("errors")):
        return False
    made_up = node.get("bundle_options") or node.get("customizable_options") or node.get("custom_options_of_variant")
    wares = (node.get("configured_variant"), None if made_up else node.get("product"))
    return all((ware or {}).get("stock_status") != OUT_OF_STOCK for ware in wares)


def _sum(amounts: list[CartAmount]) -> Money | None:
    total = sum((each.amount.amount for each in amounts), Decimal(0))
    return Money(amount=total, currency=amounts[0].amount.currency) if amounts else None


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
    gift_message: GiftMessage | None = described("The message that goes with all of it.")

    @classmethod
    def of(cls, node: Node, links: Links) -> Cart:
        """From Commerce's `Cart`; its id never leaves."""
        return cls(
            lines=[CartLine.of(line, links) for line in present(node.get("items"))],
            quantity=Decimal(str(node.get("total_quantity") or 0)),
            coupons=[str(coupon["code"]) for coupon in present(node.get("applied_coupons"))],
            is_virtual=bool(node.get("is_virtual")),
            totals=CartTotals.of(node, links),
            gift_message=GiftMessage.of(node.get("gift_message")),
        )


@strawberry.type
class CartQuery:
    @strawberry.field(description="The shopper's cart, or null as long as nothing was put into one.")
    async def cart(self, info: Info) -> Cart | None:
        node = await Basket(info.context).look(())
        return Cart.of(node, info.context.links) if node else None

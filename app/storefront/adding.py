"""Lines put into the shopper's cart: those that can go in do, and each one's fate is told."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import strawberry

from app.commerce.orders import OrderPending
from app.errors import StateUnavailable, UpstreamError, VitrineError
from app.storefront.basket import Basket
from app.storefront.common import Node, described, present
from app.storefront.context import Context
from app.storefront.user_errors import LINE_CODES, UNKNOWN, Mendable, UserError, code_of, user_error

LARGEST_PART = 20  # lines
_GROUPED = "Z3JvdXBlZC"  # "grouped/" in base64, but for what its last letter has of the next one
REPLACED = UserError(
    code="CART_EXPIRED",
    message="The cart was not there any more: it was ordered or had run out. A new one was begun.",
    path=[],
)


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


def _counted(node: Node | None) -> dict[str, Decimal]:
    """How many of each SKU are in a cart."""
    counted: dict[str, Decimal] = {}
    for line in present((node or {}).get("items")):
        sku = str((line.get("product") or {}).get("sku") or "").casefold()
        counted[sku] = counted.get(sku, Decimal(0)) + Decimal(str(line.get("quantity") or 0))
    return counted


def parts(lines: list[CartLineInput]) -> list[slice]:
    """The lines in parts that have no SKU twice: of two lines of one SKU Commerce's answer does not tell which went in.
    Nor does it of a group, whose products arrive under SKUs of their own: it is a part by itself. And none is so large
    that Commerce, which takes a quarter of a second for a line, could not put it in within the deadline of a call.

    They go to Commerce one part after the other, so that every line meets the stock that those before it left.
    """
    starts, seen, alone = [0], set[str](), False
    for place, line in enumerate(lines):
        sku, group = line.sku.casefold(), of_group(line)
        if seen and (alone or group or sku in seen or len(seen) == LARGEST_PART):
            starts.append(place)
            seen.clear()
        seen.add(sku)
        alone = group
    return [slice(start, end) for start, end in pairwise([*starts, len(lines)])]


def of_group(line: CartLineInput) -> bool:
    """Whether products of a group are chosen: their uids are "grouped", the product's id and how many, in base64."""
    return any(chosen.startswith(_GROUPED) for chosen in line.options) or any(
        entered.uid.startswith(_GROUPED) for entered in line.entered
    )


def went_in(lines: list[CartLineInput], before: Node | None, after: Node, failed: bool) -> list[bool]:
    """Which lines of a part went in: all unless some failed, else those that the cart has."""
    if not failed or len(lines) == 1:
        return [not failed] * len(lines)
    return counted_in(lines, before, after)


def counted_in(lines: list[CartLineInput], before: Node | None, after: Node) -> list[bool]:
    """Of which lines' SKU the cart has that many more than before; no SKU is in two of them."""
    had, has = _counted(before), _counted(after)
    if len(lines) == 1 and of_group(lines[0]):
        return [had != has]
    skus = [(line.sku.casefold(), line.quantity) for line in lines]
    return [has.get(sku, Decimal(0)) - had.get(sku, Decimal(0)) >= quantity for sku, quantity in skus]


def line_errors(errors: list[Node], lines: list[CartLineInput], added: list[bool], first: int) -> list[UserError]:
    """Commerce's errors of a part's lines, each at the line that it is about; `first` is the part's place.

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
        path = ["lines"] if named is None else ["lines", str(first + named)]
        found.append(UserError(code=code, message=message, path=path))
    return found


class Adding:
    """Puts lines into the cart; `items` are the same as Commerce's `CartItemInput`.

    After `run`, `added` says of each line whether it went in, `errors` what the shopper can mend, and `node` is the
    cart, or None where it cannot be read.
    """

    def __init__(self, context: Context, lines: list[CartLineInput], items: list[dict[str, object]]) -> None:
        self._context = context
        self._basket = Basket(context)
        self._lines = lines
        self._items = items
        self._replaced = False
        self.node: Node | None = None
        self.added: list[bool] = []
        self.errors: list[UserError] = []

    async def run(self) -> None:
        """Sends the lines, part by part, until a part cannot be sent. Raises as `Basket.add` does when nothing of them
        can be known to have gone in."""
        lines = self._lines
        self.node = (await self._basket.look(()) if len(lines) > 1 else None) or {}
        for part in parts(lines):
            try:
                await self._send(part)
            except (Mendable, OrderPending, StateUnavailable, UpstreamError) as error:
                if not (any(self.added) or self.errors or self._replaced):
                    raise
                await self._break_off(part, error)
                break
        else:
            if len(lines) > 1 or self.errors:
                # The answer to several lines has stale totals, that to a refused one no discounts (recordings
                # cart-121, cart-016): the cart is read again.
                self.node = await self._basket.look_again(())
        self.errors = await self._explained()
        if self._replaced:
            self.errors.insert(0, REPLACED)

    async def _send(self, part: slice) -> None:
        reply, anew = await self._basket.add(
            "AddToCart", "addProductsToCart", {"items": self._items[part]}, (), "lines"
        )
        if anew:
            # What went in before went with the cart that is gone.
            self.node, self.added, self._replaced = {}, [False] * len(self.added), True
        before, self.node = self.node, reply.get("cart") or {}
        told = present(reply.get("user_errors"))
        went = went_in(self._lines[part], before, self.node, bool(told))
        self.errors += line_errors(told, self._lines[part], went, len(self.added))
        self.added += went

    async def _break_off(self, part: slice, error: VitrineError) -> None:
        """Tells what went in before a part that may have gone in or not: the cart itself says so."""
        before, self.node = self.node, await self._basket.look_again(())
        went = counted_in(self._lines[part], before, self.node) if self.node is not None else []
        self.added += [*went, *[False] * (len(self._lines) - len(self.added) - len(went))]
        first = next((place for place in range(part.start, len(self._lines)) if not self.added[place]), None)
        if first is not None:
            told = user_error(error)
            told.path = ["lines", str(first)]
            self.errors.append(told)

    async def _explained(self) -> list[UserError]:
        """The errors, with what the catalogue knows of products of which Commerce told in words only that are not
        ours to read: in the store view's language."""
        unknown = {
            place: self._lines[place].sku
            for error in self.errors
            if error.code == UNKNOWN and len(error.path) > 1
            for place in [int(error.path[1])]
        }
        if not unknown:
            return self.errors
        try:
            nodes = await self._context.products(unknown.values(), frozenset(), {})
        except UpstreamError:
            return self.errors
        codes = {str(place): _code_by(node) for place, node in zip(unknown, nodes, strict=True)}
        for error in self.errors:
            if error.code == UNKNOWN and len(error.path) > 1:
                error.code = codes[error.path[1]]
        return self.errors


def _code_by(node: Node | None) -> str:
    """What keeps a product from being put in, as far as the product itself tells."""
    if node is None:
        return "PRODUCT_NOT_FOUND"
    return "OUT_OF_STOCK" if node.get("stock_status") == "OUT_OF_STOCK" else UNKNOWN

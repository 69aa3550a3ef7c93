"""What a shopper can mend himself: errors beside a payload, with stable codes and the input that caused them."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable
from typing import Any

import nh3
import strawberry
from strawberry.extensions import FieldExtension

from app.commerce.client import NOT_FOUND, UNAUTHORIZED, Problem
from app.errors import BadInput, Rejected, UpstreamFailed, VitrineError
from app.storefront.common import described
from app.telemetry import log

UNKNOWN = "REJECTED"  # what Commerce refuses for a reason that has no code
REFUSED = "The shop refused this."
MAX_MESSAGE = 255  # characters
# Commerce's codes of lines that could not be put in, also of those that were ordered before.
LINE_CODES = {
    "PRODUCT_NOT_FOUND": "PRODUCT_NOT_FOUND",
    "NOT_SALABLE": "OUT_OF_STOCK",
    "INSUFFICIENT_STOCK": "QUANTITY_UNAVAILABLE",
    "COULD_NOT_FIND_CART_ITEM": "LINE_NOT_FOUND",
    "REORDER_NOT_AVAILABLE": "REORDER_UNAVAILABLE",
}
# Commerce's codes of what is wrong with a line by now, for messages that are not in English.
ITEM_CODES = {"ITEM_INCREMENTS": "QUANTITY_INVALID", "ITEM_QTY": "QUANTITY_UNAVAILABLE"}
# What an operation's refusal is about where the message, in the store view's language, tells nothing.
_BY_OPERATION = {
    "ApplyCoupons": "COUPON_INVALID",
    "PlaceOrder": "ORDER_REFUSED",
    "RemoveCoupons": "COUPON_INVALID",
    "Reorder": "ORDER_NOT_FOUND",
    "SetBillingAddress": "ADDRESS_INVALID",
    "SetEmail": "EMAIL_INVALID",
    "SetPaymentMethod": "PAYMENT_METHOD_UNAVAILABLE",
    "SetShippingAddress": "ADDRESS_INVALID",
    "SetShippingMethod": "SHIPPING_METHOD_UNAVAILABLE",
    "UpdateCart": "QUANTITY_UNAVAILABLE",
}
# Where Commerce has no code, its English message tells (recordings cart-016 to cart-073).
_BY_MESSAGE = (
    (r"recaptcha", "RECAPTCHA_FAILED"),
    (r"could not find a product", "PRODUCT_NOT_FOUND"),
    (r"requested qty|requested quantity|maximum qty|more than", "QUANTITY_UNAVAILABLE"),
    (r"quantity should be greater|decimal quantity|specify the quantity", "QUANTITY_INVALID"),
    (r"choose options|required option|specify product link", "OPTIONS_REQUIRED"),
    # Before single fields: this message names every field that is missing, "countryId" among them (cart-059).
    (r"check the (billing|shipping) address", "ADDRESS_INVALID"),
    (r"coupon is already applied", "COUPON_ALREADY_APPLIED"),
    (r"coupon", "COUPON_INVALID"),
    (r"cart item|contain the item", "LINE_NOT_FOUND"),
    (r"pickup location", "PICKUP_LOCATION_UNAVAILABLE"),
    (r"does not contain products|cart is empty", "CART_EMPTY"),
    (r"email", "EMAIL_INVALID"),
    (r"region", "REGION_INVALID"),
    (r"country\b", "COUNTRY_INVALID"),
    (r"carrier|shipping method", "SHIPPING_METHOD_UNAVAILABLE"),
    (r"payment method", "PAYMENT_METHOD_UNAVAILABLE"),
    (r"not available\.?$|out of stock|not salable", "OUT_OF_STOCK"),
    (r"shipping address is (missing|not allowed)", "SHIPPING_ADDRESS_NOT_TAKEN"),
    (r"address", "ADDRESS_INVALID"),
    (r"is required", "FIELD_REQUIRED"),
)
# What modules hand on of an exception that was not meant for shoppers: SQL, PHP's classes and files.
_TECHNICAL = re.compile(r"SQLSTATE|exception\b|stack trace|\.php\b|\w\\+\w|\w::\w", re.IGNORECASE)
_GONE = re.compile(
    r"could not find a cart|cart isn't active|cannot perform operations on cart|no such entity with cartid",
    re.IGNORECASE,
)


@strawberry.type(description="Something that the shopper can mend.")
class UserError:
    code: str = described("What is wrong, as a stable code such as OUT_OF_STOCK.")
    message: str = described("What is wrong, in words that can be shown.")
    path: list[str] = described("The input that caused it, such as lines, 2, quantity.")

    def __post_init__(self) -> None:
        self.message = shown(self.message)


class Mendable(Rejected):
    """An error that the shopper can mend; `path` is the input that caused it."""

    def __init__(self, code: str, message: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(shown(message))
        self.user_code = code
        self.path = path


class CartGone(Rejected):
    """The cart was ordered, has run out or was never this shopper's: a new one takes its place."""

    code = "CART_EXPIRED"

    def __init__(self) -> None:
        super().__init__("The cart is not there any more: it was ordered or has run out.")


def code_of(message: str, operation: str = "") -> str:
    """The stable code for a message of Commerce about an operation; `REJECTED` for what nothing is known of."""
    told = (code for pattern, code in _BY_MESSAGE if re.search(pattern, message, re.IGNORECASE))
    return next(told, _BY_OPERATION.get(operation, UNKNOWN))


def shown(message: str) -> str:
    """A message of Commerce as it may be shown: plain text of 255 characters at most.

    Commerce's own words are for shoppers, in the language of the store view, and the only ones that tell a reason
    without a code, such as a rule of a shop's own module. What is in the words of a program stays in our log.
    """
    text = message[: 8 * MAX_MESSAGE]
    if _TECHNICAL.search(text):
        log.info("commerce.technical_refusal", detail=text)
        return REFUSED
    # What is written as an entity, or as the entity of one, must not become a tag where it is shown.
    while (read := html.unescape(text)) != text:
        text = read
    text = " ".join(html.unescape(nh3.clean(text, tags=set())).split())
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1].rstrip() + "…"


def may_be_gone(category: str) -> bool:
    """Whether a problem of this category can be that the cart cannot be used any more. The cart itself tells."""
    return category in (NOT_FOUND, UNAUTHORIZED)


def is_gone(problem: Problem, operation: str) -> bool:
    """Whether a problem says that the cart cannot be used any more: a read of the cart by its category, for a message
    is in the store view's language; anything else by what the message is in English."""
    if not may_be_gone(problem.category):
        return False
    return (operation == "Cart" and problem.where in ((), ("cart",))) or says_gone(problem.message)


def says_gone(message: str) -> bool:
    """Whether Commerce says by this message, in English, that the cart cannot be used any more."""
    return _GONE.search(message) is not None


def mendable(problem: Problem, operation: str, path: tuple[str, ...]) -> Rejected | UpstreamFailed:
    """What a problem of a mutation is to the caller: the cart's end, something to mend, or Commerce's failure."""
    if is_gone(problem, operation):
        return CartGone()
    if problem.category.startswith("graphql-") or "recaptcha" in problem.message.casefold():
        return Mendable(code_of(problem.message, operation), problem.message, path)
    return UpstreamFailed(problem.message, problem.category)


def user_error(error: VitrineError) -> UserError:
    """A raised error as a user error."""
    if isinstance(error, Mendable):
        return UserError(code=error.user_code, message=error.public, path=list(error.path))
    path = re.findall(r"\w+", error.argument) if isinstance(error, BadInput) else []
    return UserError(code=error.code, message=error.public, path=path)


class UserErrors(FieldExtension):
    """Stands before every mutation: has the shopper prove who he is where that is asked for, and turns what is raised
    for him to mend into the `userErrors` of its payload."""

    def __init__(self, payload: Callable[..., Any]) -> None:
        self._payload = payload

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: strawberry.Info, **kwargs: Any
    ) -> Any:
        try:
            await info.context.step_up.check(info.field_name, info.context.shopper)
            return await next_(source, info, **kwargs)
        except Rejected as error:
            if error.status not in (400, 409):
                raise
            return self._payload(user_errors=[user_error(error)])

"""A customer's order put into the cart once more."""

from __future__ import annotations

import strawberry

from app.errors import BadInput
from app.storefront.account import change, known
from app.storefront.addresses import check_length
from app.storefront.basket import Basket
from app.storefront.cart import Cart
from app.storefront.cart_edits import CartPayload
from app.storefront.common import Node, present
from app.storefront.context import Info
from app.storefront.user_errors import LINE_CODES, UserError, UserErrors, code_of


@strawberry.type
class ReorderMutation:
    @strawberry.mutation(
        description="Puts what the customer ordered into the cart again, at today's prices; what can go in does.",
        extensions=[UserErrors(CartPayload)],
    )
    async def customer_reorder(self, info: Info, number: str) -> CartPayload:
        if not number.strip():
            raise BadInput("number", "must not be empty")
        check_length("number", number)
        context = info.context
        await known(context)
        basket = Basket(context)
        # What a guest had is merged first, and nothing is put into a cart that is being ordered.
        await basket.ensure()
        told = await change(context, "Reorder", "reorderItems", {"number": number.strip()}, "number")
        node = await basket.look_again(())
        return CartPayload(
            cart=Cart.of(node, context.links) if node is not None else None,
            user_errors=[_error(each) for each in present(told.get("userInputErrors"))],
        )


def _error(node: Node) -> UserError:
    message = str(node.get("message") or "")
    code = LINE_CODES.get(str(node.get("code"))) or code_of(message)
    return UserError(code=code, message=message, path=["number"])

"""The way from a request to its cart at Commerce: read, made, written, and replaced when it is no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from app.auth.merging import OWNER
from app.commerce.client import Problem, Reply
from app.commerce.orders import OrderPending
from app.errors import UpstreamError, UpstreamFailed
from app.storefront.common import present
from app.storefront.context import Context
from app.storefront.user_errors import LINE_CODES, CartGone, Mendable, UserError, code_of, is_gone, mendable, user_error

ALREADY_EXISTS = "graphql-already-exists"


class Basket:
    """The cart of one request: the session's cart in the store view's website, whose code is `website`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.website = context.links.view.website

    async def kept(self, *, changing: bool) -> Mapping[str, Any] | None:
        """What the session knows of the cart, as `SignedIn.cart`."""
        return await self._context.signed_in.cart(self.website, changing=changing)

    async def look(self, flags: Collection[str]) -> Mapping[str, Any] | None:
        """The cart as Commerce has it now; None when the shopper has none, or none any more. Raises `UpstreamError`.

        For queries, which have no place to tell that the cart is no more: the next change tells it.
        """
        try:
            return await self._read(flags, told=False)
        except CartGone:
            return None

    async def read(self, flags: Collection[str]) -> Mapping[str, Any] | None:
        """As `look`, for changes: raises `CartGone` once for a cart that is no more, whoever found that out."""
        return await self._read(flags, told=True)

    async def _read(self, flags: Collection[str], *, told: bool) -> Mapping[str, Any] | None:
        kept = await self.kept(changing=told)
        if kept is None or not kept["made"]:
            if told:
                await self._tell_loss()
            return None
        reply = await self._ask(kept["id"], flags)
        return await self._value(reply, "Cart", "cart", kept["id"], (), told=told)

    async def _ask(self, cart_id: str, flags: Collection[str] = ()) -> Reply:
        return await self._context.fresh("Cart", flags, {"cartId": cart_id})

    async def look_again(self, flags: Collection[str]) -> Mapping[str, Any] | None:
        """As `read`, after a change that is told whatever becomes of this: None also for a cart that cannot be read,
        which the answer then says."""
        try:
            return await self.read(flags)
        except UpstreamError as error:
            self._context.problems.append(Problem(error.detail, "", ("cart",)))
            return None

    async def is_there(self, cart_id: str) -> bool:
        """Whether Commerce has the cart and it can still be ordered. Raises an `UpstreamError`."""
        reply = await self._ask(cart_id)
        return reply.data.get("cart") is not None or not any(is_gone(problem, "Cart") for problem in reply.problems)

    async def pending(self) -> bool:
        """Whether an order of the shopper's cart is being placed, or may be. Raises `StateUnavailable`."""
        kept = await self.kept(changing=False)
        return kept is not None and await self._is_pending(kept)

    async def _is_pending(self, kept: Mapping[str, Any]) -> bool:
        quote = kept.get("quote")
        return quote is not None and await self._context.orders.pending(int(quote))

    async def write(
        self, operation: str, root: str, variables: Mapping[str, object], flags: Collection[str], *path: str
    ) -> Mapping[str, Any]:
        """What a mutation of the shopper's cart answered at `root`; `path` is the input that errors are about.

        Raises `CartGone`, `Mendable`, `OrderPending`, `StateUnavailable`, or an `UpstreamError`.
        """
        kept = await self.kept(changing=True)
        if kept is None or not kept["made"]:
            await self._tell_loss()
            raise Mendable("CART_EMPTY", "There is nothing in the cart yet.", path)
        if await self._is_pending(kept):
            raise OrderPending
        return await self._send(operation, root, {"cartId": kept["id"], **variables}, flags, kept["id"], path)

    async def change(
        self, operation: str, root: str, variables: Mapping[str, object], flags: Collection[str], *path: str
    ) -> tuple[Mapping[str, Any] | None, list[UserError]]:
        """The cart after a mutation, or as it is beside what the shopper can mend. Raises what `write` raises."""
        try:
            reply = await self.write(operation, root, variables, flags, *path)
        except Mendable as error:
            return await self.look_again(flags), [user_error(error)]
        # From 2.4.8 on Commerce tells refused updates beside the unchanged cart.
        errors = []
        for refused in present(reply.get("errors")):
            message = str(refused.get("message") or "")
            code = LINE_CODES.get(str(refused.get("code"))) or code_of(message, operation)
            errors.append(UserError(code=code, message=message, path=list(path)))
        return reply.get("cart") or {}, errors

    async def add(
        self, operation: str, root: str, variables: Mapping[str, object], flags: Collection[str], *path: str
    ) -> tuple[Mapping[str, Any], bool]:
        """As `write`, but makes a cart where there is none; and whether it replaced one, which is told now."""
        for _ in range(2):
            cart_id = await self.ensure()
            sent = {"cartId": cart_id, **variables}
            try:
                reply = await self._send(operation, root, sent, flags, cart_id, path, told=False)
            except CartGone:
                continue
            except Mendable:
                # In another language than English only the cart itself tells that it is no more.
                if await self.look(()) is None:
                    continue
                raise
            return reply, await self._context.shopper.tell_loss(self.website)
        raise UpstreamFailed(f"{operation}: a new cart cannot be used either")

    async def ensure(self) -> str:
        """The id of the shopper's cart, made at Commerce if there is none. Raises as `write` does."""
        shopper = self._context.shopper
        own = await self.kept(changing=True)
        kept = own if own is not None and OWNER in own else await shopper.reserve_cart(self.website)
        if await self._is_pending(kept):
            raise OrderPending
        cart_id = str(kept["id"])
        if not kept["made"]:
            reply = await self._context.write("CreateCart", (), {"cartId": cart_id})
            # Another request of the same shopper may have made it in the same moment.
            others = [problem for problem in reply.problems if problem.category != ALREADY_EXISTS]
            if others:
                raise UpstreamFailed(f"CreateCart: {others[0].message}", others[0].category)
            await shopper.cart_made(self.website, cart_id)
        return cart_id

    async def abandon(self) -> None:
        """Lets go of the cart because the shopper wants what is in it no more. Raises `OrderPending`, or
        `StateUnavailable`."""
        kept = await self._context.shopper.cart(self.website)
        if kept is not None:
            if await self._is_pending(kept):
                raise OrderPending
            await self._context.shopper.forget_cart(self.website, str(kept["id"]), told=True)

    async def lose(self, cart_id: str) -> None:
        """Lets go of a cart that a query found to be no more; the next change tells it."""
        await self._context.shopper.forget_cart(self.website, cart_id, told=False)

    async def _send(
        self,
        operation: str,
        root: str,
        variables: Mapping[str, object],
        flags: Collection[str],
        cart_id: str,
        path: tuple[str, ...],
        *,
        told: bool = True,
    ) -> Mapping[str, Any]:
        reply = await self._context.write(operation, flags, variables)
        found = await self._value(reply, operation, root, cart_id, path, told=told)
        if found is None:
            raise UpstreamFailed(f"{operation}: neither a value nor an error")
        return found

    async def _tell_loss(self) -> None:
        if await self._context.shopper.tell_loss(self.website):
            raise CartGone

    async def _value(
        self, reply: Reply, operation: str, root: str, cart_id: str, path: tuple[str, ...], *, told: bool = True
    ) -> Mapping[str, Any] | None:
        value: Mapping[str, Any] | None = reply.data.get(root)
        if value is not None:
            return value
        for problem in reply.problems:
            if is_gone(problem, operation):
                await self._context.shopper.forget_cart(self.website, cart_id, told=told)
            raise mendable(problem, operation, path)
        return None

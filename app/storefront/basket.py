"""The way from a request to its cart at Commerce: read, made, written, and replaced when it is no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from app.commerce.client import Reply
from app.errors import UpstreamFailed
from app.storefront.common import present
from app.storefront.context import Context
from app.storefront.user_errors import CartGone, Mendable, UserError, code_of, is_gone, mendable, user_error

ALREADY_EXISTS = "graphql-already-exists"


class Basket:
    """The cart of one request: of the session's cart in the store view's website."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._website = str(context.links.view.config.get("website_code") or "")

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
        kept = await self._context.shopper.cart(self._website)
        if kept is None or not kept["made"]:
            if told:
                await self._tell_loss()
            return None
        reply = await self._context.fresh("Cart", flags, {"cartId": kept["id"]})
        return await self._value(reply, "cart", kept["id"], (), told=told)

    async def write(
        self, operation: str, root: str, variables: Mapping[str, object], flags: Collection[str], *path: str
    ) -> Mapping[str, Any]:
        """What a mutation of the shopper's cart answered at `root`; `path` is the input that errors are about.

        Raises `CartGone`, `Mendable`, or an `UpstreamError`.
        """
        kept = await self._context.shopper.cart(self._website)
        if kept is None or not kept["made"]:
            await self._tell_loss()
            raise Mendable("CART_EMPTY", "There is nothing in the cart yet.", path)
        return await self._send(operation, root, {"cartId": kept["id"], **variables}, flags, kept["id"], path)

    async def change(
        self, operation: str, root: str, variables: Mapping[str, object], flags: Collection[str], *path: str
    ) -> tuple[Mapping[str, Any] | None, list[UserError]]:
        """The cart after a mutation, or as it is beside what the shopper can mend. Raises `CartGone`."""
        try:
            reply = await self.write(operation, root, variables, flags, *path)
        except Mendable as error:
            return await self.read(flags), [user_error(error)]
        # From 2.4.8 on Commerce tells refused updates beside the unchanged cart.
        messages = [str(error.get("message") or "") for error in present(reply.get("errors"))]
        errors = [UserError(code=code_of(message), message=message, path=list(path)) for message in messages]
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
            return reply, await self._context.shopper.tell_loss(self._website)
        raise UpstreamFailed(f"{operation}: a new cart cannot be used either")

    async def ensure(self) -> str:
        """The id of the shopper's cart, made at Commerce if there is none. Raises an `UpstreamError`."""
        shopper = self._context.shopper
        kept = await shopper.reserve_cart(self._website)
        cart_id = str(kept["id"])
        if not kept["made"]:
            reply = await self._context.write("CreateCart", (), {"cartId": cart_id})
            # Another request of the same shopper may have made it in the same moment.
            others = [problem for problem in reply.problems if problem.category != ALREADY_EXISTS]
            if others:
                raise UpstreamFailed(f"CreateCart: {others[0].message}", others[0].category)
            await shopper.cart_made(self._website, cart_id)
        return cart_id

    async def lose(self, cart_id: str) -> None:
        """Lets go of a cart that a query found to be no more; the next change tells it."""
        await self._context.shopper.forget_cart(self._website, cart_id, told=False)

    async def ordered(self, cart_id: str, number: str | None) -> None:
        """Lets go of a cart that was ordered; no number says that it is no more and was not."""
        await self._context.shopper.ordered(self._website, cart_id, number)

    async def last_order(self) -> str | None:
        """The number of the shopper's last order."""
        return await self._context.shopper.last_order(self._website)

    async def kept(self) -> Mapping[str, Any] | None:
        """What the session knows of the cart."""
        return await self._context.shopper.cart(self._website)

    async def lost(self) -> Mapping[str, Any] | None:
        """What the session knows of the cart that is no more."""
        return await self._context.shopper.lost_cart(self._website)

    async def bound(self, key: str) -> Mapping[str, Any] | None:
        """The cart that an idempotency key was about."""
        return await self._context.shopper.bound(self._website, key)

    async def bind(self, key: str, cart_id: str, quote: int) -> None:
        """Ties a key to a cart, before its order is placed."""
        await self._context.shopper.bind(self._website, key, cart_id, quote)

    async def unbind(self, key: str) -> None:
        """Ties a key to no cart any more."""
        await self._context.shopper.unbind(self._website, key)

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
        found = await self._value(reply, root, cart_id, path, told=told)
        if found is None:
            raise UpstreamFailed(f"{operation}: neither a value nor an error")
        return found

    async def _tell_loss(self) -> None:
        if await self._context.shopper.tell_loss(self._website):
            raise CartGone

    async def _value(
        self, reply: Reply, root: str, cart_id: str, path: tuple[str, ...], *, told: bool = True
    ) -> Mapping[str, Any] | None:
        value: Mapping[str, Any] | None = reply.data.get(root)
        if value is not None:
            return value
        for problem in reply.problems:
            if is_gone(problem):
                await self._context.shopper.forget_cart(self._website, cart_id, told=told)
            raise mendable(problem, path)
        return None

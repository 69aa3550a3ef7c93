"""What one GraphQL request carries: its store view, and its reads, none of which is done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import strawberry
from strawberry.dataloader import DataLoader

from app.auth.caller import Caller
from app.cache import Ticket
from app.commerce.cached import GUESTS, CachedReads
from app.commerce.capabilities import Capabilities
from app.commerce.client import UNAUTHORIZED, Problem, Reply, StoreContext
from app.commerce.customers import Customer
from app.commerce.estimates import Estimates
from app.commerce.guest_orders import GuestOrders
from app.commerce.orders import Orders
from app.commerce.reads import Reads
from app.commerce.shop import StoreView
from app.errors import Rejected, TooExpensive, UpstreamFailed
from app.idempotency import Once
from app.storefront.links import Links
from app.storefront.shopper import Shopper
from app.storefront.signed_in import SignedIn
from app.storefront.step_up import StepUp

SKUS_PER_READ = 100
Variables = tuple[tuple[str, object], ...]


class Context:
    """The context of one request.

    `store` is what Commerce is told, `links_of` how URLs of a store view leave, `largest_page` the largest page size,
    `most_reads` how many different reads one request may cost Commerce, `shopper` whose request it is, and `caller`
    where it comes from. `payment_methods` are the codes of those that checkout takes. `forbidden` is why this request
    may change nothing, if so, and `in_url` whether all that it asks stands in its URL. `tags` and `until` say what the
    public part of the answer depends on and until when it is fresh; nothing purged before `since` may be in it.
    `customer` is who has signed in, by the session alone, and `signed_in` sees to his token and cart; `own` says that
    something was read that nobody else may be shown. `step_up` says who has to prove who he is first.
    """

    def __init__(
        self,
        reads: Reads,
        public: CachedReads,
        store: StoreContext,
        view: StoreView,
        *,
        views: Collection[StoreView],
        default_store: str,
        links_of: Callable[[StoreView], Links],
        largest_page: int,
        most_reads: int,
        shopper: Shopper,
        caller: Caller,
        orders: Orders,
        guest_orders: GuestOrders,
        estimates: Estimates,
        once: Once,
        payment_methods: frozenset[str],
        signed_in: SignedIn | None = None,
        step_up: StepUp | None = None,
    ) -> None:
        self._reads = reads
        self._public = public
        self.store = store
        self.views = views
        self.default_store = default_store
        self.links_of = links_of
        self.links = replace(links_of(view), currency=store.currency or view.currency)
        self.largest_page = largest_page
        self._most_reads = most_reads
        self.shopper = shopper
        self.signed_in = signed_in or SignedIn(None, shopper, view)
        self.step_up = step_up or StepUp()
        self.caller = caller
        self.orders = orders
        self.guest_orders = guest_orders
        self.estimates = estimates
        self.once = once
        self.payment_methods = payment_methods
        self.forbidden: Rejected | None = None
        self.in_url = False
        self.operation_name: str | None = None
        self.problems: list[Problem] = []
        self.since: Ticket | None = None
        self.tags: set[str] = set()
        self.until: float | None = None
        self.customer: Customer | None = None
        self.own = False
        self._memory: dict[object, asyncio.Task[Reply]] = {}
        self._loaders: dict[object, DataLoader[str, Mapping[str, Any] | None]] = {}

    @property
    def capabilities(self) -> Capabilities:
        """What the connected Commerce offers."""
        return self._reads.capabilities

    @property
    def spoiling(self) -> set[str]:
        """Attribute codes that are known to spoil the metadata of others, shared by all requests."""
        return self._reads.spoiling

    def fits(self, name: str, flags: Collection[str]) -> bool:
        """Whether Commerce takes the operation with these optional parts in one document."""
        return self._reads.fits(name, flags)

    async def read(
        self,
        name: str,
        flags: Iterable[str] = (),
        variables: Mapping[str, object] | None = None,
        *,
        quiet: bool = False,
    ) -> Reply:
        """The reply to an operation with these optional parts; the same read is done once in a request.

        Problems beside data that came all the same are kept for the request's answer, unless `quiet` says that they
        are expected. Raises an `UpstreamError`.
        """
        wanted = frozenset(flags)
        key = (name, wanted, repr(sorted((variables or {}).items())))
        if key not in self._memory:
            if len(self._memory) >= self._most_reads:
                raise TooExpensive(f"the query needs more than {self._most_reads} reads of the shop's backend")
            self._memory[key] = asyncio.create_task(self._read(name, wanted, variables or {}, quiet))
        # A resolver that is cancelled must not take the read away from others that wait for it.
        return await asyncio.shield(self._memory[key])

    async def _read(self, name: str, flags: frozenset[str], variables: Mapping[str, object], quiet: bool) -> Reply:
        customer = await self.signed_in.reader(self.customer)
        if (customer.group if customer else GUESTS) != (self.customer.group if self.customer else GUESTS):
            # Kept whole, the answer would be shown to those whom the session told of before.
            self.own = True
        answer = await self._public.read(
            name,
            flags,
            variables,
            self.store,
            store=self.links.view.code,
            currency=self.links.currency,
            customer=customer,
            since=self.since,
        )
        self.own = self.own or answer.own
        self.tags.update(answer.tags)
        if answer.until is not None:
            self.until = answer.until if self.until is None else min(self.until, answer.until)
        reply = answer.reply
        if not quiet:
            self.problems.extend(reply.partial)
        return reply

    async def fresh(self, name: str, flags: Iterable[str], variables: Mapping[str, object]) -> Reply:
        """The reply to a read of what belongs to one shopper: asked anew each time, and kept nowhere."""

        async def send(headers: Mapping[str, str]) -> Reply:
            return await self._reads.read(name, frozenset(flags), variables, self.store, headers=headers)

        reply = await self._as_asker(send, variables)
        self.problems.extend(reply.partial)
        return reply

    async def write(self, name: str, flags: Iterable[str], variables: Mapping[str, object]) -> Reply:
        """The reply to a mutation, sent once; again only where Commerce refused the customer's token, which did
        nothing. Raises an `UpstreamError`."""

        async def send(headers: Mapping[str, str]) -> Reply:
            return await self._reads.write(name, frozenset(flags), variables, self.store, headers=headers)

        reply = await self._as_asker(send, variables)
        self.problems.extend(reply.partial)
        return reply

    async def headers(self, cart_id: object) -> dict[str, str]:
        """What goes to Commerce with a request about a cart: the caller's, and the customer's token if it is his."""
        signed = await self.signed_in.asker(cart_id)
        return {**self.caller.handed_on, **(signed.headers if signed is not None else {})}

    async def _as_asker(
        self, send: Callable[[Mapping[str, str]], Awaitable[Reply]], variables: Mapping[str, object]
    ) -> Reply:
        """The reply to what is sent with the customer's token where it is his to ask; with another token, once, where
        Commerce refused that one."""
        signed = await self.signed_in.asker(variables.get("cartId"))
        if signed is None:
            return await send(self.caller.handed_on)
        reply, failed = await _tried(send, {**self.caller.handed_on, **signed.headers})
        if is_refused(reply, failed):
            again = await self.signed_in.renewed(signed)
            if again is not None:
                return await send({**self.caller.handed_on, **again.headers})
        if reply is None:
            assert failed is not None
            raise failed
        return reply

    async def products(
        self, skus: Iterable[str], flags: frozenset[str], variables: Mapping[str, object]
    ) -> list[Mapping[str, Any] | None]:
        """The products of these SKUs in their order, None for each that the shop does not show.

        All calls of a request with the same optional parts, at the same depth of the query, are one read.
        """
        rest: Variables = tuple(sorted(variables.items()))
        key = (flags, rest)
        if key not in self._loaders:
            self._loaders[key] = DataLoader(
                load_fn=partial(self._load_products, flags, rest), max_batch_size=SKUS_PER_READ
            )
        return await self._loaders[key].load_many(list(skus))

    async def _load_products(
        self, flags: frozenset[str], variables: Variables, skus: list[str]
    ) -> list[Mapping[str, Any] | BaseException | None]:
        reply = await self.read(
            "Products",
            flags | {"items"},
            {"filter": {"sku": {"in": skus}}, "pageSize": len(skus), "currentPage": 1, **dict(variables)},
        )
        found = (reply.root("products") or {}).get("items") or []
        by_sku = {node["sku"]: node for node in found if node and node.get("sku")}
        # Commerce finds a SKU in any case; the exact one is meant where there are several.
        any_case = {sku.casefold(): node for sku, node in by_sku.items()}
        return [by_sku.get(sku) or any_case.get(sku.casefold()) for sku in skus]

    async def close(self) -> None:
        """Ends what nobody waits for any more."""
        for task in self._memory.values():
            task.cancel()
        await asyncio.gather(*self._memory.values(), return_exceptions=True)
        # Each knows this context: in a circle, all that was read would wait for the garbage collector.
        self._memory.clear()


async def _tried(
    send: Callable[[Mapping[str, str]], Awaitable[Reply]], headers: Mapping[str, str]
) -> tuple[Reply | None, UpstreamFailed | None]:
    try:
        return await send(headers), None
    except UpstreamFailed as error:
        return None, error


def is_refused(reply: Reply | None, failed: UpstreamFailed | None) -> bool:
    """Whether Commerce did nothing for want of authorization. A dead token makes a guest, who may do none of this."""
    if reply is None:
        return failed is not None and failed.category == UNAUTHORIZED
    nothing = all(value is None for value in reply.data.values())
    return nothing and any(problem.category == UNAUTHORIZED for problem in reply.problems)


Info = strawberry.Info[Context, None]

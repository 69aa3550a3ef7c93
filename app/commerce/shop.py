"""What this process knows of the connected shop: its capabilities and its store views, kept fresh in the background."""

import asyncio
import hashlib
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import orjson

from app.commerce.capabilities import INTROSPECTION, Capabilities, Understand, from_introspection, from_slice
from app.commerce.client import GraphQL, StoreContext
from app.commerce.operations import MAX_FIELDS
from app.commerce.reads import Reads
from app.commerce.rest import Rest
from app.errors import UnknownCurrency, UnknownStore, UpstreamError, UpstreamInvalid, UpstreamUnavailable
from app.state import State
from app.telemetry import log

RETRY_SCHEMA_AFTER = 60.0  # seconds between tries to read the schema, while a pinned slice stands in for it
RETRY_AFTER = 5.0  # seconds between tries of a request's own to learn the store views, while Commerce is away


FEW = 4  # store views read at once: a start must not be a storm


@dataclass(frozen=True)
class StoreView:
    """One store view: its code, what Commerce's `storeConfig` says of it, and its currencies."""

    code: str
    config: Mapping[str, Any]
    currency: str
    currencies: tuple[str, ...]

    @property
    def website(self) -> str:
        """The code of the website that it is in."""
        return str(self.config.get("website_code") or "")

    @cached_property
    def base_urls(self) -> tuple[str, ...]:
        """Where Commerce's own links of this store view point, the longest first."""
        return self._urls("base_url", "secure_base_url", "base_link_url", "secure_base_link_url")

    @cached_property
    def media_urls(self) -> tuple[str, ...]:
        """Where Commerce keeps this store view's media, the longest first."""
        return self._urls("base_media_url", "secure_base_media_url")

    def _urls(self, *names: str) -> tuple[str, ...]:
        found = {str(self.config[name]) for name in names if self.config.get(name)}
        return tuple(sorted(found, key=len, reverse=True))


class Shop:
    """The keeper of that knowledge; reads by it never wait for it once it is there.

    `stores` are codes that are known to exist (one per website): Commerce lists the store views of one website at a
    time, and only REST lists them all. `state` keeps the picture under `state_key`, so that a process can start while
    Commerce is away. `version` and `attributes` are for shops whose introspection is off; `complexity` is the largest
    document that Commerce takes; `patience` is how long in seconds a start or a request waits for a first picture;
    `understand` makes a picture of a schema.
    """

    def __init__(
        self,
        graphql: GraphQL,
        rest: Rest,
        *,
        stores: tuple[str, ...] = (),
        version: str = "",
        attributes: tuple[str, ...] = (),
        schema_timeout: float = 30,
        patience: float = 10,
        complexity: int = MAX_FIELDS,
        state: State | None = None,
        state_key: str = "shop",
        understand: Understand = from_introspection,
    ) -> None:
        self._graphql = graphql
        self._rest = rest
        self._named = stores
        self._version = version
        self._attributes = attributes
        self._schema_timeout = schema_timeout
        self._state = state or State("")
        self._state_key = state_key
        self._schema_data: Mapping[str, Any] | None = None
        self._seen = b""
        self._views: dict[str, StoreView] = {}
        self._default = ""
        self._learning = asyncio.Lock()
        self._few = asyncio.Semaphore(FEW)
        self._tried = -RETRY_AFTER
        self._patience = patience
        self._attempt: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._complexity = complexity
        self._understand = understand
        self.reads = self._reads_by(from_slice(version, attributes=attributes))

    def _reads_by(self, capabilities: Capabilities) -> Reads:
        return Reads(self._graphql, capabilities, limit=self._complexity)

    @property
    def capabilities(self) -> Capabilities:
        """What Commerce offers, by the newest picture."""
        return self.reads.capabilities

    @property
    def views(self) -> Mapping[str, StoreView]:
        """The known store views by code; empty until Commerce has been reached once."""
        return self._views

    @property
    def default(self) -> str:
        """The code of the store view that answers requests without a `Store` header."""
        return self._default

    async def refresh(self) -> None:
        """Reads Commerce's schema, store views and currencies again; on failure the old picture stays.

        Raises the `UpstreamError` that kept the store views from being read; a schema that cannot be read is only
        logged, because the pinned slice serves.
        """
        async with self._learning:
            await self._refresh()

    async def _refresh(self) -> None:
        self._tried = time.monotonic()
        try:
            await self._read_schema()
        except UpstreamError as error:
            log.warning("commerce.schema_unread", code=error.code, detail=error.detail, live=self.capabilities.live)
        await self._read_views()
        await self._remember()

    async def recall(self) -> bool:
        """Takes the picture that another process kept, if there is one; whether there was."""
        kept = await self._state.load(self._state_key)
        if kept is None:
            return False
        try:
            told = orjson.loads(kept)
            views = {
                view["code"]: StoreView(**{**view, "currencies": tuple(view["currencies"])}) for view in told["views"]
            }
            if told["schema"]:
                await self._take_schema(told["schema"])
            self._views, self._default = views, str(told["default"])
        except (orjson.JSONDecodeError, KeyError, TypeError, UpstreamInvalid) as error:
            # Another version of Vitrine may have kept it in another form.
            log.warning("shop.not_recalled", detail=type(error).__name__)
            return False
        return True

    async def _remember(self) -> None:
        views = [asdict(view) for view in self._views.values()]
        told = {"schema": self._schema_data, "views": views, "default": self._default}
        await self._state.save(self._state_key, orjson.dumps(told))

    async def start(self, interval: float) -> None:
        """Takes the picture that another process kept, else waits a while for the first one; then keeps it fresh
        every `interval` seconds until `stop`."""
        known = await self.recall()
        if not known:
            await self._learn()
        self._keeper = asyncio.create_task(self._keep(interval, at_once=known))

    async def stop(self) -> None:
        """Ends what goes on in the background."""
        tasks = [task for task in (self._keeper, self._attempt) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, interval: float, *, at_once: bool) -> None:
        while True:
            if not at_once:
                await asyncio.sleep(min(interval, self._soon()))
            at_once = False
            await self._try()

    def _soon(self) -> float:
        if not self._views:
            return RETRY_AFTER
        return math.inf if self.capabilities.live else RETRY_SCHEMA_AFTER

    async def _try(self) -> None:
        try:
            await self.refresh()
        except UpstreamError as error:
            log.warning("commerce.refresh_failed", code=error.code, detail=error.detail)
        except Exception:  # noqa: BLE001 - a fault of ours must not end the keeping for ever
            log.error("commerce.refresh_crashed", exc_info=True)

    async def _learn(self) -> None:
        """Waits for a first picture, no longer than a read may take; one attempt serves all who wait."""
        resting = time.monotonic() - self._tried < RETRY_AFTER
        if self._attempt is None or (self._attempt.done() and not resting):
            self._attempt = asyncio.create_task(self._try())
        await asyncio.wait({self._attempt}, timeout=self._patience)

    async def view(self, context: StoreContext) -> StoreView:
        """The store view of a request. Raises `UnknownStore`, `UnknownCurrency`, or `UpstreamUnavailable` as long as
        nothing is known of the shop."""
        if not self._views:
            await self._learn()
        if not self._views:
            raise UpstreamUnavailable("nothing is known of the shop yet")
        code = context.store or self._default
        found = self._views.get(code)
        if found is None:
            raise UnknownStore(f"there is no store view {code[:64]!r}")
        if context.currency is not None and context.currency not in found.currencies:
            raise UnknownCurrency(
                f"store view {code!r} has no currency {context.currency[:8]!r}; it has {', '.join(found.currencies)}"
            )
        return found

    async def _read_schema(self) -> None:
        reply = await self._graphql.execute(
            "Introspection", INTROSPECTION, {}, StoreContext(), timeout=self._schema_timeout
        )
        if not reply.data.get("__schema"):
            raise UpstreamInvalid("introspection gave no schema")
        await self._take_schema(reply.data)

    async def _take_schema(self, data: Mapping[str, Any]) -> None:
        seen = hashlib.sha256(orjson.dumps(data)).digest()
        if seen == self._seen:
            return
        # Half a second of work for a large schema: not on the event loop.
        self.reads = self._reads_by(await asyncio.to_thread(self._picture, dict(data)))
        self._seen, self._schema_data = seen, data
        log.info(
            "commerce.schema_read",
            version=self.capabilities.version,
            edition=self.capabilities.edition,
            unoffered=self.capabilities.operations.unoffered,
        )

    def _picture(self, data: dict[str, object]) -> Capabilities:
        try:
            return self._understand(data, self._attributes)
        except Exception as error:
            # graphql-core answers a malformed schema with many kinds of exception.
            raise UpstreamInvalid(f"the schema cannot be read: {type(error).__name__}: {error}") from error

    async def _read_views(self) -> None:
        codes: dict[str, None] = {}
        asked: list[str | None] = [None, *await self._codes()]
        for code in asked:
            if code in codes:
                continue
            try:
                reply = await self.reads.read("Stores", (), {}, StoreContext(code))
                codes.update(dict.fromkeys(str(config["store_code"]) for config in reply.root("availableStores") or ()))
            except UpstreamError as error:
                if code is None:
                    raise
                log.warning("commerce.store_views_unread", store=code, code=error.code, detail=error.detail)
        default = await self._read_view(None)
        read = await asyncio.gather(*map(self._try_view, codes))
        views = {view.code: view for view in read if view is not None}
        self._views, self._default = {**views, default.code: default}, default.code

    async def _try_view(self, code: str) -> StoreView | None:
        """A store view; one that cannot be read now stays as it was, and does not take the others with it."""
        try:
            return await self._read_view(code)
        except UpstreamError as error:
            log.warning("commerce.store_view_unread", store=code, code=error.code, detail=error.detail)
            return self._views.get(code)

    async def _codes(self) -> tuple[str, ...]:
        """Store codes to ask by, so that every website is reached."""
        if not self._rest.available:
            return self._named
        try:
            listed = await self._rest.get("store/storeViews")
            found = [str(view["code"]) for view in listed if view["is_active"] and view["code"] != "admin"]
        except UpstreamError as error:
            log.warning("commerce.store_views_unread", code=error.code, detail=error.detail)
            return self._named
        except (KeyError, TypeError):
            log.warning("commerce.store_views_unread", detail="the list has another shape")
            return self._named
        return (*self._named, *found)

    async def _read_view(self, code: str | None) -> StoreView:
        async with self._few:
            reply = await self.reads.read("Store", (), {}, StoreContext(code))
        config, currency = reply.root("storeConfig"), reply.root("currency")
        if not config or not currency:
            raise UpstreamInvalid("Store: there is no storeConfig or no currency")
        default = str(currency["default_display_currency_code"] or config["default_display_currency_code"])
        allowed = [str(each) for each in currency["available_currency_codes"] or [] if each]
        return StoreView(
            code=str(config["store_code"]),
            config=config,
            currency=default,
            currencies=tuple(dict.fromkeys([default, *allowed])),
        )

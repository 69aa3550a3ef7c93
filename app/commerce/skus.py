"""From a product's number to its SKU: Commerce's stock events have only the number."""

from __future__ import annotations

from collections.abc import Collection

from app.commerce.rest import Rest
from app.commerce.rest_lists import Where, read_page
from app.telemetry import log

REMEMBERED = 20_000
AT_ONCE = 100


class Skus:
    """Looks SKUs up by REST, and remembers them: a number never becomes another product's."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._known: dict[int, str] = {}

    async def of(self, numbers: Collection[int]) -> set[str]:
        """The SKUs of these numbers; a product that is gone has none. Raises an `UpstreamError`.

        Without REST credentials there are none: stock is then as old as it gets without being told.
        """
        unknown = sorted(number for number in numbers if number not in self._known)
        if unknown and not self._rest.available:
            log.warning("webhook.stock_unread", detail="stock events need REST credentials", products=len(unknown))
            unknown = []
        for start in range(0, len(unknown), AT_ONCE):
            some = unknown[start : start + AT_ONCE]
            where = Where("entity_id", ",".join(map(str, some)), "in")
            page = await read_page(self._rest, "products", [where], fields="id,sku", size=AT_ONCE)
            for item in page.items:
                self._known[int(item["id"])] = str(item["sku"])
        while len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        return {self._known[number] for number in numbers if number in self._known}

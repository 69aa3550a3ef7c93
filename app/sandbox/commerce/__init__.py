"""A stand-in Commerce: a real HTTP server that behaves as Magento Open Source and Adobe Commerce do.

It executes the product's own slices of Commerce's schema (2.4.4 to 2.4.9) on a shop held in memory, with the quirks
that were recorded of a real Magento 2.4.4.
"""

from __future__ import annotations

from pathlib import Path

from .demo import demo_shop
from .faults import Fault, Faults, Storm
from .generate import generate_shop
from .schema import attributes_of, executable
from .server import Commerce, Dropped, Seen
from .shop import Shop

EDITIONS = {
    "2.4.4": "open-source",
    "2.4.6": "adobe-commerce",
    "2.4.7": "adobe-commerce",
    "2.4.8": "adobe-commerce",
    "2.4.9": "adobe-commerce",
}
VERSIONS = tuple(EDITIONS)

__all__ = [
    "VERSIONS",
    "Commerce",
    "Dropped",
    "Fault",
    "Faults",
    "Seen",
    "Shop",
    "Storm",
    "create_commerce",
    "demo_shop",
    "generate_shop",
    "slice_path",
]


def slice_path(version: str) -> Path:
    """Where the product's slice of that version's schema is."""
    root = Path(__file__).parents[3]
    return root / "schema" / "commerce" / f"{EDITIONS[version]}-{version}.graphql"


def create_commerce(
    version: str = "2.4.4",
    *,
    schema: str | None = None,
    shop: Shop | None = None,
    public_url: str = "http://127.0.0.1:8081",
    introspection: bool = True,
    page_cache: bool = False,
    indexer_lag: float = 0.0,
    latency: float = 0.0,
    faults: Faults | None = None,
    place_seconds: float = 0.0,
    control: bool = False,
) -> Commerce:
    """A stand-in Commerce as an ASGI app.

    version: one of 2.4.4, 2.4.6, 2.4.7, 2.4.8, 2.4.9. schema: SDL to execute instead of that version's slice.
    shop: what it sells; by default the demo shop, built anew. public_url: the prefix of the URLs that it hands out.
    introspection: False refuses it, as Magento can. page_cache: keep GET replies for a day, as Magento with Varnish.
    indexer_lag: seconds until listings, searches, prices and stock show a change. latency: seconds before every
    GraphQL reply. faults: what shall go wrong. place_seconds: how long an order takes between its checks and its end.
    control: answer `GET /__sandbox/orders`, `pending` and `faults`, for tests in other processes.
    """
    shop = shop or demo_shop()
    sdl = schema if schema is not None else slice_path(version).read_text(encoding="utf-8")
    return Commerce(
        executable(sdl, attributes_of(shop.attributes)),
        shop,
        version=version,
        public_url=public_url,
        introspection=introspection,
        page_cache=page_cache,
        indexer_lag=indexer_lag,
        latency=latency,
        faults=faults or Faults(),
        place_seconds=place_seconds,
        control=control,
    )

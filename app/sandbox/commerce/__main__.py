"""`python -m app.sandbox.commerce`: the stand-in Commerce as a server of its own."""

from __future__ import annotations

import argparse

import uvicorn

from . import VERSIONS, create_commerce, demo_shop, generate_shop


def main() -> None:
    """Read the options and serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m app.sandbox.commerce")
    parser.description = "A stand-in Commerce with a demo shop."
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--version", default="2.4.4", choices=VERSIONS)
    parser.add_argument("--public-url", help="prefix of the URLs it hands out (default: http://HOST:PORT)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every GraphQL reply")
    parser.add_argument("--indexer-lag", type=float, default=0.0, help="seconds until a change shows in listings")
    parser.add_argument("--page-cache", action="store_true", help="cache GET replies for a day")
    parser.add_argument("--no-introspection", action="store_true", help="refuse introspection")
    parser.add_argument("--skus", type=int, help="serve a generated shop of so many SKUs")
    parser.add_argument("--place-seconds", type=float, default=0.0, help="how long placing an order takes")
    parser.add_argument("--storm", type=int, metavar="SEED", help="spoil placings by chance, the same for a seed")
    parser.add_argument(
        "--storm-faults",
        default="place_then_hang=0.2,place_after_close=0.2",
        metavar="KIND=P,...",
        help="how likely each fault is (default: %(default)s)",
    )
    parser.add_argument("--storm-seconds", type=float, default=1.0, help="seconds of the storm's faults")
    parser.add_argument("--endless-stock", action="store_true", help="never sell out")
    parser.add_argument("--control", action="store_true", help="answer GET /__sandbox/orders, pending and faults")
    options = parser.parse_args()
    shop = generate_shop(options.skus) if options.skus else demo_shop()
    if options.endless_stock:
        for product in shop.products.values():
            product.qty, product.in_stock = 1_000_000_000, True
    commerce = create_commerce(
        options.version,
        shop=shop,
        public_url=options.public_url or f"http://{options.host}:{options.port}",
        introspection=not options.no_introspection,
        page_cache=options.page_cache,
        indexer_lag=options.indexer_lag,
        latency=options.latency,
        place_seconds=options.place_seconds,
        control=options.control,
    )
    if options.storm is not None:
        pairs = (entry.split("=") for entry in options.storm_faults.split(","))
        chances = {kind: float(chance) for kind, chance in pairs}
        commerce.faults.storm(options.storm, chances, options.storm_seconds)
    uvicorn.run(commerce, host=options.host, port=options.port, log_level="warning", lifespan="off")


if __name__ == "__main__":
    main()

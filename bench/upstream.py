"""A Commerce that has every answer ready: asked for a page of N products, it has N.

    python -m bench.upstream --port 8081 [--latency 0.08]

What is asked first goes to the stand-in; the same bytes are answered with the same bytes from then on.
"""

from __future__ import annotations

import argparse
import asyncio
from html import unescape

import orjson
import uvicorn
from starlette.types import Message, Receive, Scope, Send

from app.sandbox.commerce import create_commerce
from app.sandbox.commerce.server import Commerce

Answer = tuple[int, bytes, bytes]


class Ready:
    """An ASGI app before the stand-in. `latency` is in seconds, before every GraphQL answer."""

    def __init__(self, commerce: Commerce, latency: float = 0.0) -> None:
        self._commerce = commerce
        self._latency = latency
        self._ready: dict[tuple[str, bytes, bytes], Answer] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        key = (scope["path"], scope["query_string"], body)
        found = self._ready.get(key)
        if found is None:
            found = await self._made(scope, body)
            # Logging in and the like are not for ever.
            if scope["path"] == "/graphql" and found[0] == 200:
                self._ready[key] = found
        if self._latency and scope["path"] == "/graphql":
            await asyncio.sleep(self._latency)
        status, kind, told = found
        headers = [(b"content-type", kind), (b"content-length", str(len(told)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": told})

    async def _made(self, scope: Scope, body: bytes) -> Answer:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._commerce(scope, receive, send)
        headers = {bytes(name).lower(): bytes(value) for name, value in sent[0]["headers"]}
        told = b"".join(message.get("body", b"") for message in sent[1:])
        if scope["path"] == "/graphql":
            told = filled(told)
        return sent[0]["status"], headers.get(b"content-type", b"application/json"), told


def filled(answer: bytes) -> bytes:
    """An answer with as many products as the page that was asked for has places. Their names are plain text: the peers
    would not decode what Commerce has encoded."""
    found = orjson.loads(answer)
    # A supergraph asks under names of its own.
    for listed in (found.get("data") or {}).values():
        items = listed.get("items") if isinstance(listed, dict) else None
        size = (listed.get("page_info") or {}).get("page_size") if items else None
        if items and size:
            listed["items"] = [{**items[number % len(items)], "sku": f"SKU-{number}"} for number in range(size)]
            return unescape(orjson.dumps(found).decode()).encode()
    return answer


def main() -> None:
    """Reads the options and serves until ended."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--latency", type=float, default=0.0)
    given = arguments.parse_args()
    app = Ready(create_commerce("2.4.8", public_url="http://commerce.test"), given.latency)
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning", access_log=False, lifespan="off")


if __name__ == "__main__":
    main()

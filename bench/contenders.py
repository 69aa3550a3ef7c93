"""What ours is measured beside, in Python: python -m bench.contenders floor|fastapi-redis|stock

From the environment: PORT; PAGE, a file with an answer's body; REDIS_URL, under whose key `page` it is; UPSTREAM and
ASKED, the upstream's base URL and a file with the request that Commerce is sent.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send


def floor(body: bytes) -> ASGIApp:
    """Fixed bytes for whatever is asked: what uvicorn itself costs."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def fastapi_redis(url: str) -> ASGIApp:
    """A FastAPI route that gives what Redis has."""
    import redis.asyncio as redis  # noqa: PLC0415 - the others' memory is measured without
    from fastapi import FastAPI, Request, Response  # noqa: PLC0415

    client = redis.from_url(url)
    app = FastAPI()

    async def page(request: Request) -> Response:
        await request.body()
        return Response(await client.get("page"), media_type="application/json")

    page.__annotations__ = {"request": Request, "return": Response}
    app.post("/graphql")(page)
    return app


def main(name: str) -> None:
    """Serves one of them until ended."""
    given = os.environ
    app: ASGIApp
    if name == "floor":
        app = floor(Path(given["PAGE"]).read_bytes())
    elif name == "fastapi-redis":
        app = fastapi_redis(given["REDIS_URL"])
    else:
        import orjson  # noqa: PLC0415

        from bench.stock import stock  # noqa: PLC0415

        app = stock(given["UPSTREAM"], orjson.loads(Path(given["ASKED"]).read_bytes())["query"])
    uvicorn.run(app, host="127.0.0.1", port=int(given["PORT"]), log_level="warning", access_log=False, lifespan="off")


if __name__ == "__main__":
    main(sys.argv[1])

"""GraphiQL, the GraphQL editor for the browser, with every file of it served from this package.

The page works under a Content-Security-Policy that allows nothing from other hosts, no inline script and no
inline style. The files in `static/` are built by `scripts/graphiql` and named by a digest of their content,
so that a browser may keep them.
"""

import json
from html import escape
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Route

STATIC: Final = Path(__file__).parent / "static"
MANIFEST: Final[dict[str, str]] = json.loads((STATIC / "manifest.json").read_text("utf-8"))

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "font-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
NO_SNIFF: Final = {"X-Content-Type-Options": "nosniff"}
PAGE_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    **NO_SNIFF,
}

DEFAULT_QUERY: Final = """\
# What a search finds. Headers, below:
# {"Store": "de"} or {"Content-Currency": "EUR"}

query Search {
  search(text: "jacket", pageSize: 5) {
    total
    items {
      __typename
      sku
      name
      url
      inStock
      price {
        final { amount currency }
        regular { amount }
      }
      rating { average count }
    }
    facets {
      attribute
      label
      options { label value count }
    }
  }
  store { name locale currencies }
  navigation(depth: 1) { name urlPath }
}
"""

TEMPLATE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GraphiQL - Vitrine</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{style}">
<script src="{script}" defer></script>
</head>
<body>
<div id="graphiql" data-endpoint="{endpoint}" data-query="{query}"></div>
<noscript>GraphiQL needs JavaScript.</noscript>
</body>
</html>
"""


def page(endpoint: str = "/graphql", *, assets: str = "/graphql/assets", default_query: str = "") -> Response:
    """Return the HTML page that opens GraphiQL, with its security headers.

    In: the URL that GraphiQL posts operations to, the path under which the routes of `assets()` are served,
    and the operation that a first visit opens with (empty: GraphiQL's own welcome text). Later visits open
    with the tabs that the browser has kept.
    """
    folder = assets.rstrip("/")
    html = TEMPLATE.format(
        style=escape(f"{folder}/{MANIFEST['style']}"),
        script=escape(f"{folder}/{MANIFEST['script']}"),
        endpoint=escape(endpoint),
        query=escape(default_query),
    )
    return HTMLResponse(html, headers=PAGE_HEADERS)


def assets(prefix: str = "/graphql/assets") -> list[BaseRoute]:
    """Return the routes of the page's files: one exact route for each, so that no other file is read.

    In: the path that the routes begin with. Out: routes for GET and HEAD. The script and the style sheet may
    be kept by caches for a year, because a change of their content changes their names.
    """
    folder = prefix.rstrip("/")
    kept = "public, max-age=31536000, immutable"
    return [
        _file(folder, MANIFEST["script"], "text/javascript", kept),
        _file(folder, MANIFEST["style"], "text/css", kept),
        _file(folder, "LICENSES.txt", "text/plain", "public, max-age=3600"),
    ]


def _file(folder: str, name: str, media_type: str, cache: str) -> Route:
    """Return the route `folder/name`, which answers with that file of `static/`, its type and its caching."""
    headers = {"Cache-Control": cache, **NO_SNIFF}

    async def send(_: Request) -> Response:
        return FileResponse(STATIC / name, media_type=media_type, headers=headers)

    return Route(f"{folder}/{name}", send, methods=["GET"], include_in_schema=False)

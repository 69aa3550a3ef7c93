"""What a recording names of its shop, in the words of the stand-in's shop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from graphql import (
    ArgumentNode,
    DocumentNode,
    Node,
    ObjectFieldNode,
    StringValueNode,
    Visitor,
    print_ast,
    visit,
)

from tests.conformance.recordings import Request

# Below which argument or input field, the recorded value, the stand-in's value.
NAMED: Mapping[str, Mapping[str, str]] = {
    "sku": {
        "MH01": "TT-J01",  # configurable
        "24-MB01": "TT-C01",  # simple, with a review, tiers, related products
        "24-WG080": "TT-K01",  # bundle
        "24-WG085_Group": "TT-G01",  # grouped
        "240-LV09": "TT-D01",  # downloadable
        "LAB-SIMPLE": "TT-C03",  # with a special price and a German name
        "LAB-VIRTUAL": "TT-V01",  # virtual
        "LAB-CUSTOM": "TT-M01",  # with customizable options
        "LAB-THIRD": "TT-C04",  # with a tier price
        "LAB-OOS": "TT-C13",  # out of stock
    },
    "url_key": {"chaz-kangeroo-hoodie": "gully-rain-shell"},
    "category_id": {"4": "15", "12": "4"},  # Bags: simple ones, some with tiers; Tops: configurables
    "category_uid": {"NA==": "MTU=", "MTI=": "NA=="},
    "url_path": {"men/tops-men": "apparel/jackets"},
    "name": {"Tops": "Tents", "yoga": "knots", "Cart": "StoreConfig"},
    "search": {"shirt": "jacket", "24-MB01": "TT-C01"},
    "size": {"170": "168"},
    "url": {
        "chaz-kangeroo-hoodie.html": "gully-rain-shell.html",
        "men/tops-men.html": "apparel/jackets.html",
        "joust-duffle-bag.html?x=1": "hollow-2-tent.html?x=1",
        "gear/bags/joust-duffle-bag.html": "camp/tents-shelters/hollow-2-tent.html",
    },
    # Credentials of the recordings' lab, which are blanked, and of the stand-in.
    "username": {"rest.customer@example.com": "ada@example.com"},
    "password": {"<admin-password>": "Admin-passw0rd", "<password>": "Ada-passw0rd"},
}
STORES = {"uk": "en_eu"}
# What stands in the address of a call of the REST interface.
IN_ADDRESSES = {"=24-MB%25&": "=TT-C%25&"}


def translated(value: Any, under: str = "") -> Any:
    """A JSON value with everything named as the stand-in's shop names it; `under` is what stands before it."""
    if isinstance(value, dict):
        # In {"sku": {"in": […]}} what counts is the attribute, not the kind of condition.
        return {
            key: translated(inner, under if key in CONDITIONS and under in NAMED else key)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [translated(inner, under) for inner in value]
    if isinstance(value, str):
        return NAMED.get(under, {}).get(value, value)
    return value


def translated_path(path: str) -> str:
    """The address of a REST call with what is sought named as the stand-in's shop names it."""
    for recorded, own in IN_ADDRESSES.items():
        path = path.replace(recorded, own)
    return path


CONDITIONS = frozenset({"eq", "in", "match"})


def translated_query(document: DocumentNode) -> DocumentNode:
    """A document with the values in it named as the stand-in's shop names them."""

    class Translate(Visitor):
        def enter_string_value(
            self, node: StringValueNode, key: Any, parent: Any, path: Any, ancestors: list[Any]
        ) -> Node | None:
            names = [
                each.name.value for each in (*ancestors, parent) if isinstance(each, ArgumentNode | ObjectFieldNode)
            ]
            for name in reversed(names):
                if name not in CONDITIONS:
                    return StringValueNode(value=translated(node.value, name))
            return None

    changed = visit(document, Translate())
    assert isinstance(changed, DocumentNode)
    return changed


def with_query(request: Request, document: DocumentNode | None, variables: Mapping[str, Any]) -> Request:
    """The request asking for another document; a GET carries it in its address. None leaves the text as it is."""
    text = print_ast(document) if document is not None else request.query
    if request.method in ("GET", "HEAD"):
        given = {"query": text, **({"variables": _json(variables).decode()} if variables else {})}
        return replace(request, path=f"/graphql?{urlencode(given)}", query=text, variables=variables)
    body = {"query": text, **({"variables": variables} if variables else {}), **request.beside}
    return replace(request, body=_json(body), query=text, variables=variables)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()

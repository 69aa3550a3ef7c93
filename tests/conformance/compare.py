"""The comparison of two answers to the same question, given by shops that sell different things.

Compared are status, content type, GraphQL errors by category and path, REST messages, and of the data its structure:
the same keys, the same JSON types. What only the shops' data can differ in is no difference: null where the other has
a value, another number of list elements, another kind of product.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphql import DocumentNode, FieldNode, InlineFragmentNode, OperationDefinitionNode, SelectionSetNode

from tests.conformance.recordings import Response

Difference = tuple[str, str]
"""Where two answers differ, and how."""


def compare(
    recorded: Response,
    replayed: Response,
    *,
    document: DocumentNode | None = None,
    caching: bool = False,
) -> Iterator[Difference]:
    """All differences. `document` is what was replayed, when it asks for less than was recorded; `caching` compares
    what a page cache in front sees too."""
    if recorded.status != replayed.status:
        yield "status", f"{replayed.status} instead of {recorded.status}"
    kinds = _content_type(recorded), _content_type(replayed)
    if kinds[0] != kinds[1]:
        yield "content-type", f"{kinds[1]} instead of {kinds[0]}"
    if caching:
        yield from _compare_caching(recorded.headers, replayed.headers)
    one, other = recorded.json, replayed.json
    if (one is None) != (other is None):
        yield "body", "one is JSON, the other is not"
    elif isinstance(one, dict) and ("data" in one or "errors" in one):
        yield from _compare_graphql(one, other, document)
    elif one is not None:
        yield from _compare_rest(one, other, recorded.status)


def _content_type(response: Response) -> str:
    return response.headers.get("content-type", "").replace(" ", "").lower()


def _compare_caching(recorded: Mapping[str, str], replayed: Mapping[str, str]) -> Iterator[Difference]:
    def directives(headers: Mapping[str, str]) -> set[str]:
        return {each.strip() for each in headers.get("cache-control", "").split(",")}

    if directives(recorded) != directives(replayed):
        yield "cache-control", f"{replayed.get('cache-control')} instead of {recorded.get('cache-control')}"

    def families(headers: Mapping[str, str]) -> set[str]:
        return {each.rstrip("0123456789") for each in headers.get("x-magento-tags", "").split(",") if each}

    if families(recorded) != families(replayed):
        yield "x-magento-tags", f"{sorted(families(replayed))} instead of {sorted(families(recorded))}"


def _compare_graphql(recorded: Any, replayed: Any, document: DocumentNode | None) -> Iterator[Difference]:
    one, other = _errors(recorded), _errors(replayed)
    if one != other:
        yield "errors", f"{_listed(other - one)} instead of {_listed(one - other)}"
    if ("data" in recorded) != ("data" in replayed):
        yield "data", "is there" if "data" in replayed else "is not there"
    elif "data" in recorded:
        asked = project(recorded["data"], document) if document is not None else recorded["data"]
        yield from _compare_values("data", [asked], [replayed["data"]])


def _errors(body: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {
        (error.get("extensions", {}).get("category", ""), ".".join(map(str, error["path"])) if "path" in error else "-")
        for error in body.get("errors") or ()
    }


def _listed(errors: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{category} at {path}" for category, path in sorted(errors)) or "none"


def _compare_rest(recorded: Any, replayed: Any, status: int) -> Iterator[Difference]:
    if status >= 300 and isinstance(recorded, dict) and isinstance(replayed, dict):
        one, other = recorded.get("message"), replayed.get("message")
        if one != other:
            yield "message", f"{other!r} instead of {one!r}"
    yield from _compare_values("body", [recorded], [replayed])


def project(data: Any, document: DocumentNode) -> Any:
    """Data with only the keys that the document asks for, whatever the types they are asked of."""
    selections = [node.selection_set for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    return _project(data, selections)


def _project(value: Any, selections: list[SelectionSetNode]) -> Any:
    if isinstance(value, list):
        return [_project(each, selections) for each in value]
    if not isinstance(value, dict) or not selections:
        return value
    asked: dict[str, list[SelectionSetNode]] = {}
    waiting = list(selections)
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FieldNode):
                below = asked.setdefault((node.alias or node.name).value, [])
                if node.selection_set is not None:
                    below.append(node.selection_set)
            elif isinstance(node, InlineFragmentNode):
                waiting.append(node.selection_set)
    return {key: _project(value[key], below) for key, below in asked.items() if key in value}


_TYPES = {dict: "object", list: "list", str: "string", bool: "boolean", int: "number", float: "number"}


def _compare_values(path: str, recorded: list[Any], replayed: list[Any]) -> Iterator[Difference]:
    """All values at one place: those of all elements of a list are taken together."""
    one, other = [each for each in recorded if each is not None], [each for each in replayed if each is not None]
    expected, found = {_TYPES[type(each)] for each in one}, {_TYPES[type(each)] for each in other}
    if not expected:
        return
    if not found:
        if expected & {"object", "list"}:
            yield path, f"there is no {' or '.join(sorted(expected))} to compare"
        return
    if expected != found:
        yield path, f"{' and '.join(sorted(found))} instead of {' and '.join(sorted(expected))}"
        return
    if "object" in found:
        yield from _compare_objects(
            path, [each for each in one if isinstance(each, dict)], [each for each in other if isinstance(each, dict)]
        )
    if "list" in found:
        elements = [element for each in one if isinstance(each, list) for element in each]
        others = [element for each in other if isinstance(each, list) for element in each]
        if any(element is not None for element in elements) and not others:
            yield f"{path}[]", "the list is empty"
        else:
            yield from _compare_values(f"{path}[]", elements, others)


def _compare_objects(path: str, one: list[dict[str, Any]], other: list[dict[str, Any]]) -> Iterator[Difference]:
    expected, found = _by_type(one), _by_type(other)
    common = expected.keys() & found.keys()
    if not common:
        # Other kinds of product: what they are asked for in common can still be compared.
        expected, found, common = {"": one}, {"": other}, {""}
    for kind in sorted(common):
        here = f"{path}<{kind}>" if kind else path
        ones, others = expected[kind], found[kind]
        always, ever = _keys(ones)
        always_found, ever_found = _keys(others)
        for key in sorted(always - always_found):
            yield f"{here}.{key}", "is missing"
        for key in sorted(ever_found - ever):
            yield f"{here}.{key}", "is not in the recording"
        for key in sorted(ever & ever_found):
            yield from _compare_values(
                f"{here}.{key}",
                [each[key] for each in ones if key in each],
                [each[key] for each in others if key in each],
            )


def _by_type(objects: list[dict[str, Any]]) -> Mapping[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in objects:
        groups[each.get("__typename") or ""].append(each)
    return groups


def _keys(objects: list[dict[str, Any]]) -> tuple[set[str], set[str]]:
    """Keys that all objects have, and keys that any has."""
    sets = [set(each) for each in objects]
    return set.intersection(*sets), set.union(*sets)

"""Every document that we send to Commerce: loaded from schema/operations, chosen and pruned to what Commerce offers."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    print_ast,
    validate,
)

from app.commerce.pruning import Pruner, Unoffered, Walk, field_count, served_by, shop_attributes
from app.errors import Unsupported

FOLDER = Path(__file__).parents[2] / "schema" / "operations"
KEPT_DOCUMENTS = 256
MAX_FIELDS = 300  # Commerce refuses a document of more (FACTS: complexity over 300)


@dataclass(frozen=True, slots=True)
class Source:
    """One document file: an operation, its variant ("" for the one against the newest schema), what it may use."""

    name: str
    variant: str
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it is sent: its text, the variables that it declares, and its complexity as Commerce counts it."""

    name: str
    text: str
    variables: frozenset[str]
    fields: int


@cache
def load(folder: Path = FOLDER) -> Mapping[str, tuple[Source, ...]]:
    """All documents by operation name, each with its variants: the newest first, then by falling version."""
    shared = {
        node.name.value: node
        for node in parse((folder / "fragments.graphql").read_text(), no_location=True).definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    sources: dict[str, list[Source]] = {}
    for path in sorted(folder.glob("*.graphql"), key=_newest_first):
        name, _, variant = path.stem.partition(".")
        for node in parse(path.read_text(), no_location=True).definitions:
            if isinstance(node, OperationDefinitionNode):
                sources.setdefault(name, []).append(Source(name, variant, node, shared))
    return {name: tuple(found) for name, found in sources.items()}


def _newest_first(path: Path) -> tuple[str, list[int]]:
    name, _, variant = path.stem.partition(".")
    return name, [-int(part) for part in variant.split("_")] if variant else [-99]


def pruner(
    source: Source,
    schema: GraphQLSchema,
    *,
    attributes: Collection[str] = (),
    flags: Collection[str] | None = None,
) -> Pruner:
    """A pruner for one source; `flags` of None keeps every optional part."""
    return Pruner(
        schema,
        dict(source.fragments),
        attributes=attributes,
        keeps=lambda flag: flags is None or flag in flags,
    )


def flags_of(source: Source) -> frozenset[str]:
    """The optional parts of a document: `withFacets` among its variables makes the flag `facets`."""
    names = (definition.variable.name.value for definition in source.operation.variable_definitions or ())
    return frozenset(name[4].lower() + name[5:] for name in names if name.startswith("with"))


def promises(source: Source) -> set[str]:
    """The public fields that a document serves where Commerce offers all that it asks for."""
    promised: set[str] = set()
    waiting: list[SelectionSetNode] = [source.operation.selection_set]
    seen: set[str] = set()
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FieldNode):
                promised.update(served_by(node))
            if isinstance(node, FragmentSpreadNode):
                if node.name.value not in seen:
                    seen.add(node.name.value)
                    waiting.append(source.fragments[node.name.value].selection_set)
            elif isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set is not None:
                waiting.append(node.selection_set)
    return promised


class Operations:
    """The documents for one Commerce schema.

    `attributes` are the codes of the shop's attributes to read from products; None means all that the schema shows.
    An operation that the schema cannot answer is kept with the reason, and asking for it raises `Unsupported`.
    """

    def __init__(self, schema: GraphQLSchema, *, attributes: Collection[str] | None = None) -> None:
        self.schema = schema
        shown = shop_attributes(schema)
        self.attributes = tuple(code for code in shown if attributes is None or code in attributes)
        self.walks: dict[str, Walk] = {}
        self.unoffered: dict[str, str] = {}
        self._chosen: dict[str, Source] = {}
        self._passed_over: dict[str, list[str]] = {}
        # Callers choose the sets of parts, so what is kept of them is bounded.
        self._whole = lru_cache(maxsize=KEPT_DOCUMENTS)(self._build_whole)
        self._shares = lru_cache(maxsize=KEPT_DOCUMENTS)(self._share_out)
        for name, variants in load().items():
            self._choose(name, variants)

    def offers(self, name: str) -> bool:
        """Whether this Commerce can answer the operation at all."""
        return name in self._chosen

    def variant(self, name: str) -> str:
        """Which variant of the operation is used: "" for the newest."""
        return self._source(name).variant

    def lost(self) -> dict[str, str]:
        """The public fields that this Commerce cannot serve, each with what it lacks of Commerce's schema for it."""
        served = {public for walk in self.walks.values() for public in walk.served}
        lost: dict[str, str] = {}
        for name, variants in load().items():
            for public in {public for source in variants for public in promises(source)} - served:
                lacking = self.walks[name].lost.get(public) if name in self.walks else None
                lost[public] = lacking or " and ".join(self._passed_over[name])
        return dict(sorted(lost.items()))

    def document(self, name: str, flags: Iterable[str] = ()) -> Document:
        """The text to send for an operation with these optional parts. Raises `Unsupported`."""
        return self._whole(name, frozenset(flags))

    def _build_whole(self, name: str, flags: frozenset[str]) -> Document:
        source = self._source(name)
        unknown = flags - flags_of(source)
        if unknown:
            raise LookupError(f"{name} has no optional part {sorted(unknown)}")
        return self._build(source, flags, self.attributes)

    def documents(self, name: str, flags: Iterable[str], limit: int) -> tuple[Document, ...]:
        """The texts to send so that none is more complex than `limit`: one wherever that is possible.

        Each has the required fields and some of the optional parts; the shop's attributes are shared out too.
        """
        wanted = frozenset(flags)
        whole = self.document(name, wanted)
        if whole.fields <= limit:
            return (whole,)
        return self._shares(name, wanted, limit)

    def _share_out(self, name: str, wanted: frozenset[str], limit: int) -> tuple[Document, ...]:
        source = self._source(name)
        base = wanted & {"items"}
        shared: list[Document] = []
        flags: frozenset[str] = base
        for flag in sorted(wanted - base - {"attributes"}):
            if self._build(source, flags | {flag}, ()).fields > limit and flags != base:
                shared.append(self._build(source, flags, ()))
                flags = base
            flags |= {flag}
        left = self.attributes if "attributes" in wanted else ()
        if "attributes" in wanted:
            if self._build(source, flags | {"attributes"}, left[:1]).fields > limit and flags != base:
                shared.append(self._build(source, flags, ()))
                flags = base
            flags |= {"attributes"}
        while True:
            # Every attribute costs the same, so how many of them fit is counted and not tried out.
            bare, one = self._build(source, flags, ()).fields, self._build(source, flags, left[:1]).fields
            fit = max((limit - bare) // (one - bare), 1) if one > bare else len(left)
            shared.append(self._build(source, flags, left[:fit]))
            left, flags = left[fit:], base | {"attributes"}
            if not left:
                return tuple(shared)

    def _source(self, name: str) -> Source:
        if name not in self._chosen:
            raise Unsupported(name, self.unoffered.get(name, "there is no such operation"))
        return self._chosen[name]

    def _choose(self, name: str, variants: tuple[Source, ...]) -> None:
        reasons = []
        for source in variants:
            one = pruner(source, self.schema, attributes=self.attributes)
            try:
                operation = one.prune(source.operation)
            except Unoffered as absent:
                reasons.append(absent.coordinate)
                continue
            problems = validate(self.schema, DocumentNode(definitions=(operation,)))
            if problems:
                reasons.append(problems[0].message)
                continue
            self._chosen[name] = source
            self._passed_over[name] = reasons
            self.walks[name] = one.walk
            return
        self.unoffered[name] = f"this Commerce does not offer {' nor '.join(reasons)}"
        self._passed_over[name] = reasons

    def _build(self, source: Source, flags: frozenset[str], attributes: Collection[str]) -> Document:
        one = pruner(source, self.schema, attributes=attributes, flags=flags)
        try:
            operation = one.prune(source.operation)
        except Unoffered as missing:
            raise Unsupported(source.name, f"nothing is left to ask of {missing.coordinate}") from None
        return Document(
            name=source.name,
            text=print_ast(operation),
            variables=frozenset(definition.variable.name.value for definition in operation.variable_definitions or ()),
            fields=field_count(operation.selection_set),
        )

"""One walk over a GraphQL document and a schema: what the schema offers stays, what it lacks is dropped and noted.

Documents are written against the newest Commerce schema with four directives of our own, which never leave the process:

`@required`              pruning may not drop this field: without it the whole operation is not offered
`@serves(field:)`        names a public field that is lost when this one is, unless another document field serves it
`@shopAttributes`        stands for the shop's own attributes where they are scalar fields of a product (up to 2.4.6)
`@requires(coordinates:)` on an operation: input fields that the operation needs although no document names them
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

from graphql import (
    ArgumentNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    NamedTypeNode,
    NameNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    StringValueNode,
    TypeNode,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
)

OWN_DIRECTIVES = frozenset({"required", "serves", "shopAttributes", "requires"})

# ProductInterface as Commerce ships it (2.4.4 to 2.4.9, Open Source and Commerce): every other scalar field of a
# product is an attribute of the shop.
SHIPPED_PRODUCT_FIELDS = frozenset(
    """
    attribute_set_id canonical_url categories country_of_manufacture created_at crosssell_products
    custom_attributesV2 description gift_message_available gift_wrapping_available gift_wrapping_price id image
    is_returnable max_sale_qty media_gallery media_gallery_entries meta_description meta_keyword meta_title
    min_sale_qty name new_from_date new_to_date only_x_left_in_stock options_container price price_range
    price_tiers product_links quantity rating_summary related_products review_count reviews rules
    short_description sku small_image special_from_date special_price special_to_date staged stock_status
    swatch_image thumbnail tier_price tier_prices type_id uid updated_at upsell_products url_key url_path
    url_rewrites url_suffix websites
    """.split()  # noqa: SIM905 - a list of names reads best as one
)
ATTRIBUTE_ALIAS = "attribute_"


class Unoffered(Exception):
    """An operation cannot be asked of this schema: `coordinate` is required and absent."""

    def __init__(self, coordinate: str) -> None:
        super().__init__(coordinate)
        self.coordinate = coordinate


@dataclass(slots=True)
class Walk:
    """What a walk met: coordinates that the schema has and lacks, public fields lost (each to what) and served."""

    present: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    lost: dict[str, str] = field(default_factory=dict)
    served: set[str] = field(default_factory=set)


Composite = GraphQLObjectType | GraphQLInterfaceType
_Node = TypeVar("_Node", FieldNode, InlineFragmentNode, FragmentSpreadNode)


def shop_attributes(schema: GraphQLSchema) -> tuple[str, ...]:
    """The attribute codes that are scalar fields of this schema's products, sorted."""
    product = schema.get_type("ProductInterface")
    if not isinstance(product, GraphQLInterfaceType):
        return ()
    return tuple(
        sorted(
            code
            for code, declared in product.fields.items()
            if code not in SHIPPED_PRODUCT_FIELDS and is_leaf_type(get_named_type(declared.type))
        )
    )


def _value_of(node: DirectiveNode) -> ValueNode:
    """The value of a directive's only argument."""
    return next(iter(node.arguments or ())).value


def directive(directives: Collection[DirectiveNode] | None, name: str) -> DirectiveNode | None:
    """The directive of that name on a node, or None."""
    return next((found for found in directives or () if found.name.value == name), None)


def served_by(node: FieldNode) -> list[str]:
    """The public fields that go with this field of a document."""
    return [
        cast(StringValueNode, _value_of(found)).value for found in node.directives or () if found.name.value == "serves"
    ]


class Pruner:
    """Prunes one document (an operation and the fragments that it may use) to a schema.

    `attributes` are the codes to put in the place of `@shopAttributes`; `keeps` decides `@include(if: $withX)` by the
    name of X with a small first letter. Raises `Unoffered` when a required field is absent.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: dict[str, FragmentDefinitionNode],
        *,
        attributes: Collection[str],
        keeps: Callable[[str], bool],
    ) -> None:
        self.walk = Walk()
        self._schema = schema
        self._fragments = fragments
        self._attributes = attributes
        self._keeps = keeps

    def prune(self, operation: OperationDefinitionNode) -> OperationDefinitionNode:
        """The operation without anything that the schema lacks, and without named fragments.

        Commerce chooses the attributes to load by walking the document itself, and loses those behind a fragment
        within a fragment (magento2 issues 38863, 38762, 36544): so every fragment is written out where it is spread,
        and one on the type that it stands in is dissolved.
        """
        self._check_requirements(operation)
        root = self._schema.get_root_type(operation.operation)
        if root is None:
            raise Unoffered("Query" if operation.operation is OperationType.QUERY else "Mutation")
        selection = self._selection(operation.selection_set, root)
        if selection is None:
            raise Unoffered(root.name)
        names = _variables(selection)
        return OperationDefinitionNode(
            operation=operation.operation,
            name=operation.name,
            variable_definitions=tuple(
                definition
                for definition in operation.variable_definitions or ()
                if definition.variable.name.value in names and self._known(definition)
            ),
            directives=(),
            selection_set=selection,
        )

    def _check_requirements(self, operation: OperationDefinitionNode) -> None:
        requires = directive(operation.directives, "requires")
        if requires is None:
            return
        for value in cast("ListValueNode", _value_of(requires)).values:
            coordinate = cast("StringValueNode", value).value
            owner, _, name = coordinate.partition(".")
            declared = self._schema.get_type(owner)
            if not isinstance(declared, GraphQLInputObjectType) or name not in declared.fields:
                self.walk.absent.add(coordinate)
                raise Unoffered(coordinate)
            self.walk.present.add(coordinate)

    def _known(self, definition: VariableDefinitionNode) -> bool:
        named: TypeNode = definition.type
        while not isinstance(named, NamedTypeNode):
            named = named.type  # type: ignore[attr-defined]
        return self._schema.get_type(named.name.value) is not None

    def _selection(self, selection: SelectionSetNode, parent: Composite) -> SelectionSetNode | None:
        kept: list[SelectionNode] = []
        for node in selection.selections:
            if isinstance(node, FieldNode):
                kept.extend(self._field(node, parent))
            elif isinstance(node, InlineFragmentNode):
                kept.extend(self._inline(node, parent))
            elif isinstance(node, FragmentSpreadNode):
                kept.extend(self._spread(node, parent))
        return SelectionSetNode(selections=tuple(kept)) if kept else None

    def _included(self, node: _Node) -> bool:
        include = directive(node.directives, "include")
        if include is None:
            return True
        name = cast("VariableNode", _value_of(include)).name.value.removeprefix("with")
        return self._keeps(name[0].lower() + name[1:])

    def _field(self, node: FieldNode, parent: Composite) -> list[FieldNode]:
        if not self._included(node):
            return []
        if directive(node.directives, "shopAttributes"):
            found = self._shop_attributes(parent)
            self.walk.served.update(served_by(node) if found else ())
            return found
        name = node.name.value
        if name.startswith("__"):
            return [FieldNode(name=node.name, alias=node.alias, arguments=(), directives=())]
        declared = parent.fields.get(name)
        if declared is None:
            self._lose(node, f"{parent.name}.{name}")
            return []
        self.walk.present.add(f"{parent.name}.{name}")
        selection = None
        if node.selection_set is not None:
            of = get_named_type(declared.type)
            selection = self._selection(node.selection_set, of) if isinstance(of, Composite) else None
            if selection is None:
                if directive(node.directives, "required"):
                    raise Unoffered(f"{parent.name}.{name}")
                return []
        arguments = self._arguments(node, declared, parent)
        self.walk.served.update(served_by(node))
        kept = FieldNode(name=node.name, alias=node.alias, arguments=arguments, directives=(), selection_set=selection)
        return [kept]

    def _lose(self, node: FieldNode, coordinate: str) -> None:
        self.walk.absent.add(coordinate)
        self.walk.lost.update(dict.fromkeys(served_by(node), coordinate))
        if directive(node.directives, "required"):
            raise Unoffered(coordinate)

    def _arguments(self, node: FieldNode, declared: GraphQLField, parent: Composite) -> tuple[ArgumentNode, ...]:
        kept = []
        for argument in node.arguments or ():
            coordinate = f"{parent.name}.{node.name.value}({argument.name.value}:)"
            if argument.name.value in declared.args:
                self.walk.present.add(coordinate)
                kept.append(argument)
            else:
                self.walk.absent.add(coordinate)
        return tuple(kept)

    def _shop_attributes(self, parent: Composite) -> list[FieldNode]:
        if "custom_attributesV2" in parent.fields:
            return []
        known = [code for code in self._attributes if code in parent.fields]
        self.walk.present.update(f"{parent.name}.{code}" for code in known)
        return [
            FieldNode(
                name=NameNode(value=code),
                alias=NameNode(value=ATTRIBUTE_ALIAS + code),
                arguments=(),
                directives=(),
            )
            for code in known
        ]

    def _spread(self, node: FragmentSpreadNode, parent: Composite) -> Sequence[SelectionNode]:
        if not self._included(node):
            return ()
        definition = self._fragments[node.name.value]
        return self._narrowed(definition.type_condition, definition.selection_set, parent)

    def _inline(self, node: InlineFragmentNode, parent: Composite) -> Sequence[SelectionNode]:
        return self._narrowed(node.type_condition, node.selection_set, parent) if self._included(node) else ()

    def _narrowed(
        self, condition: NamedTypeNode | None, selection: SelectionSetNode, parent: Composite
    ) -> Sequence[SelectionNode]:
        of = parent if condition is None else self._composite(condition.name.value)
        kept = self._selection(selection, of) if of is not None else None
        if kept is None:
            return ()
        if of is parent:
            return kept.selections
        return (InlineFragmentNode(type_condition=condition, directives=(), selection_set=kept),)

    def _composite(self, name: str) -> Composite | None:
        declared = self._schema.get_type(name)
        if isinstance(declared, Composite):
            self.walk.present.add(name)
            return declared
        self.walk.absent.add(name)
        return None


def _variables(selection: SelectionSetNode) -> set[str]:
    names: set[str] = set()
    for node in selection.selections:
        if isinstance(node, FieldNode):
            for argument in node.arguments or ():
                names |= _variables_of(argument.value)
        if isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set is not None:
            names |= _variables(node.selection_set)
    return names


def _variables_of(value: object) -> set[str]:
    if isinstance(value, VariableNode):
        return {value.name.value}
    if isinstance(value, ListValueNode):
        return {name for each in value.values for name in _variables_of(each)}
    return {name for each in getattr(value, "fields", ()) for name in _variables_of(each.value)}


def field_count(selection: SelectionSetNode | None) -> int:
    """The complexity of a selection as Commerce counts it: every field in it, at any depth."""
    total = 0
    for node in selection.selections if selection else ():
        if isinstance(node, FieldNode):
            total += 1 + field_count(node.selection_set)
        elif isinstance(node, InlineFragmentNode):
            total += field_count(node.selection_set)
    return total

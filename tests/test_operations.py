"""The documents that are sent to Commerce, for every pinned version, and the slices that they are checked against."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    build_schema,
    extend_schema,
    graphql_sync,
    parse,
    print_ast,
    validate,
    visit,
)
from graphql.language import Visitor
from hypothesis import given, settings
from hypothesis import strategies as st

from app.commerce.capabilities import INTROSPECTION, SHIPPED_FILTERS, Capabilities, from_introspection, from_slice
from app.commerce.operations import FOLDER, MAX_FIELDS, Document, Operations, flags_of, load, promises
from app.commerce.pruning import OWN_DIRECTIVES, field_count
from app.commerce.slices import CAME_WITH, cut, has, nearest, pinned, read, schema_of, touched
from app.errors import Unsupported

VERSIONS = sorted(pinned())
FILES = Path(__file__).parents[1] / "schema" / "commerce"
MAX_DEPTH = 20  # Commerce's own (FACTS, Errors)
ALWAYS_OFFERED = {"Blocks", "Category", "Countries", "Navigation", "Page", "Products", "Route", "Store", "Stores"}

# Adobe Commerce as a Cloud Service, as far as it matters here: another catalogue, and no routes or CMS (FACTS).
SAAS = """
type Query {
  productSearch(phrase: String!, page_size: Int): ProductSearchResponse!
  products(skus: [String]): [ProductView]
  storeConfig: StoreConfig
  countries: [Country]
}
type ProductSearchResponse { total_count: Int  items: [ProductSearchItem] }
type ProductSearchItem { productView: ProductView }
interface ProductView { sku: String  name: String }
type SimpleProductView implements ProductView { sku: String  name: String }
type StoreConfig { store_code: ID  store_name: String  locale: String }
type Country { id: String  two_letter_abbreviation: String }
"""


@cache
def operations_of(version: str) -> Operations:
    return Operations(pinned()[version].schema)


@cache
def large_shop(version: str) -> Operations:
    """The operations for a shop of 400 attributes more."""
    return Operations(_with_attributes(pinned()[version].schema, 400))


def _with_attributes(schema: GraphQLSchema, count: int) -> GraphQLSchema:
    fields = " ".join(f"shop_attribute_{place:03}: String" for place in range(count))
    product = schema.get_type("ProductInterface")
    assert isinstance(product, GraphQLInterfaceType)
    kinds = [f"extend interface ProductInterface {{ {fields} }}"]
    kinds += [f"extend type {each.name} {{ {fields} }}" for each in schema.get_possible_types(product)]
    return extend_schema(schema, parse("\n".join(kinds)), assume_valid=True, assume_valid_sdl=True)


def without(schema: GraphQLSchema, coordinate: str) -> GraphQLSchema:
    """The schema without one field, on its type and on all that implement it."""
    owner, _, name = coordinate.partition(".")
    kept = []
    for node in parse((FILES / f"{_name_of(schema)}.graphql").read_text()).definitions:
        fields = getattr(node, "fields", None)
        names = {each.name.value for each in getattr(node, "interfaces", None) or ()} | {_named(node)}
        if fields and owner in names:
            lines = [print_ast(field) for field in fields if field.name.value != name]
            kept.append("\n".join([print_ast(node).partition("{")[0] + "{", *lines, "}"]))
        else:
            kept.append(print_ast(node))
    return schema_of("\n".join(kept))


def _named(node: object) -> str:
    name = getattr(node, "name", None)
    return str(name.value) if name is not None else ""


def _name_of(schema: GraphQLSchema) -> str:
    return next(found.name for found in pinned().values() if found.schema is schema)


def offered(operations: Operations) -> list[str]:
    return sorted(name for name in load() if operations.offers(name))


def flags_for(operations: Operations, name: str) -> list[str]:
    """The optional parts of the variant of an operation that is used."""
    variant = operations.variant(name)
    return sorted(flags_of(next(source for source in load()[name] if source.variant == variant)))


class _Everything(Visitor):
    """Collects what a document uses."""

    def __init__(self) -> None:
        super().__init__()
        self.directives: set[str] = set()
        self.used: set[str] = set()
        self.declared: list[str] = []

    def enter_directive(self, node: object, *_: object) -> None:
        self.directives.add(_named(node))

    def enter_variable_definition(self, node: object, *_: object) -> None:
        self.declared.append(_named(getattr(node, "variable", None)))

    def enter_variable(self, node: VariableNode, _: object, parent: object, *__: object) -> None:
        if getattr(parent, "kind", "") != "variable_definition":
            self.used.add(node.name.value)


def paths(document: DocumentNode) -> set[str]:
    """Every leaf and object that a document asks for, as dotted paths of response keys and types, fragments spread."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}

    def walk(selection: SelectionSetNode, prefix: str) -> Iterator[str]:
        for node in selection.selections:
            if isinstance(node, FieldNode):
                key = f"{prefix}.{node.alias.value if node.alias else node.name.value}"
                yield key
                if node.selection_set:
                    yield from walk(node.selection_set, key)
            else:
                inner = fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
                assert isinstance(inner, FragmentDefinitionNode | InlineFragmentNode)
                yield from walk(inner.selection_set, prefix)

    operation = next(node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    return set(walk(operation.selection_set, ""))


def depth(document: DocumentNode) -> int:
    return max(path.count(".") for path in paths(document))


def narrowed_twice(selection: SelectionSetNode, within: bool = False) -> bool:
    """Whether an inline fragment stands right within another: Commerce throws away what the inner one asks for."""
    for node in selection.selections:
        if isinstance(node, InlineFragmentNode):
            if within or narrowed_twice(node.selection_set, True):
                return True
        elif isinstance(node, FieldNode) and node.selection_set and narrowed_twice(node.selection_set):
            return True
    return False


def sound(schema: GraphQLSchema, document: Document) -> DocumentNode:
    """The document parsed, after all has been checked that must hold for whatever is sent."""
    parsed = parse(document.text)
    assert validate(schema, parsed) == []
    found = _Everything()
    visit(parsed, found)
    assert found.directives == set()
    assert sorted(found.declared) == sorted(set(found.declared))
    assert set(found.declared) == found.used == document.variables
    [operation] = parsed.definitions
    assert isinstance(operation, OperationDefinitionNode), "Commerce loses fields behind named fragments"
    assert document.fields == field_count(operation.selection_set)
    assert depth(parsed) <= MAX_DEPTH
    assert not narrowed_twice(operation.selection_set)
    return parsed


# Documents


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_offered_all_reads(version: str) -> None:
    operations = operations_of(version)
    assert set(offered(operations)) >= ALWAYS_OFFERED | {"Attributes"}
    assert operations.offers("CategoryPage") is (version[-5:] >= "2.4.7")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_operation_is_sound_with_all_of_its_parts_and_with_none(version: str) -> None:
    operations = operations_of(version)
    for name in offered(operations):
        possible = flags_for(operations, name)
        sound(operations.schema, operations.document(name, possible))
        sound(operations.schema, operations.document(name, {"items"} & set(possible)))


@pytest.mark.parametrize("version", VERSIONS)
@settings(deadline=None, max_examples=15)
@given(st.data())
def test_every_operation_is_sound_with_any_of_its_parts_and_small_enough(version: str, data: st.DataObject) -> None:
    operations = operations_of(version)
    name = data.draw(st.sampled_from(offered(operations)))
    possible = flags_for(operations, name)
    flags = data.draw(st.sets(st.sampled_from(possible))) if possible else set()
    if "total" in possible and "items" not in flags:
        flags |= {"total"}  # a listing is always asked for one of the two
    whole = sound(operations.schema, operations.document(name, flags))
    shared = operations.documents(name, flags, MAX_FIELDS)
    assert [each.fields for each in shared if each.fields > MAX_FIELDS] == []
    assert set().union(*(paths(sound(operations.schema, each)) for each in shared)) == paths(whole)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("limit", [120, MAX_FIELDS])
def test_what_is_split_asks_for_everything_that_the_whole_asks_for(version: str, limit: int) -> None:
    operations = operations_of(version)
    for name in offered(operations):
        possible = flags_for(operations, name)
        whole = operations.document(name, possible)
        shared = operations.documents(name, possible, limit)
        parsed = [sound(operations.schema, each) for each in shared]
        assert set().union(*map(paths, parsed)) == paths(parse(whole.text))
        # A write is done once, and a cart is read at one moment: both are one document.
        one = name == "Cart" or whole.text.startswith("mutation")
        assert (len(shared) == 1) is (one or whole.fields <= limit)
        assert len({each.text for each in shared}) == len(shared)


@pytest.mark.parametrize("version", ["open-source-2.4.4", "adobe-commerce-2.4.9"])
def test_a_shop_of_400_attributes_is_asked_for_all_of_them_in_documents_that_are_small_enough(version: str) -> None:
    operations = large_shop(version)
    new = {code for code in operations.attributes if code.startswith("shop_attribute_")}
    assert len(new) == 400
    flags = flags_for(operations, "Products")
    whole = operations.document("Products", flags)
    shared = operations.documents("Products", flags, MAX_FIELDS)
    parsed = [sound(operations.schema, each) for each in shared]
    assert max(each.fields for each in shared) <= MAX_FIELDS
    assert set().union(*map(paths, parsed)) == paths(parse(whole.text))
    if not has(operations.schema, "ProductInterface.custom_attributesV2"):
        asked = [path for each in parsed for path in paths(each) if ".attribute_shop_attribute_" in path]
        assert sorted(asked) == sorted(f".products.items.attribute_{code}" for code in new)


@pytest.mark.parametrize("version", ["open-source-2.4.4", "adobe-commerce-2.4.6"])
def test_without_the_flag_no_attribute_is_asked_for(version: str) -> None:
    operations = large_shop(version)
    flags = set(flags_for(operations, "Products")) - {"attributes"}
    for each in operations.documents("Products", flags, MAX_FIELDS):
        assert "attribute_shop" not in each.text


def test_only_the_named_attributes_are_asked_for() -> None:
    schema = pinned()["open-source-2.4.4"].schema
    operations = Operations(schema, attributes=("color", "material", "nosuch", "name"))
    assert operations.attributes == ("color", "material")
    asked = paths(parse(operations.document("Products", ("items", "attributes")).text))
    assert {path for path in asked if ".attribute_" in path} == {
        ".products.items.attribute_color",
        ".products.items.attribute_material",
    }


def test_where_attributes_come_by_code_no_field_of_a_product_is_asked_for_them() -> None:
    text = operations_of("adobe-commerce-2.4.9").document("Products", ("items", "attributes")).text
    assert "custom_attributesV2" in text
    assert "attribute_color" not in text
    assert "shop_attributes" not in text


def test_an_optional_part_that_does_not_exist_is_a_mistake_of_ours() -> None:
    with pytest.raises(LookupError, match=r"Products has no optional part \['nonsense'\]"):
        operations_of(VERSIONS[0]).document("Products", ("items", "nonsense"))


@pytest.mark.parametrize("version", ["open-source-2.4.4", "adobe-commerce-2.4.9"])
def test_a_listing_that_is_asked_for_nothing_is_unsupported_and_not_a_crash(version: str) -> None:
    with pytest.raises(Unsupported):
        operations_of(version).document("Products", ())


def test_what_is_not_an_operation_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="there is no such operation"):
        operations_of(VERSIONS[0]).document("Nonsense")


# Required fields, variants, losses


@pytest.mark.parametrize(
    ("coordinate", "operation"),
    [
        ("Query.cmsPage", "Page"),
        ("Query.cmsBlocks", "Blocks"),
        ("Query.route", "Route"),
        ("Query.countries", "Countries"),
        ("ProductInterface.sku", "Products"),
        ("ProductInterface.price_range", "Products"),
        ("StoreConfig.store_code", "Store"),
        ("CategoryTree.children", "Navigation"),
    ],
)
def test_without_a_required_field_the_operation_is_not_offered_and_says_why(coordinate: str, operation: str) -> None:
    operations = Operations(without(pinned()["open-source-2.4.4"].schema, coordinate))
    assert not operations.offers(operation)
    assert operations.unoffered[operation] == f"this Commerce does not offer {coordinate}"
    for ask in (operations.document, operations.variant):
        with pytest.raises(Unsupported) as caught:
            ask(operation)
        assert caught.value.detail == f"{operation}: this Commerce does not offer {coordinate}"
    with pytest.raises(Unsupported):
        operations.documents(operation, (), MAX_FIELDS)
    assert not operations.offers(operation)
    assert set(offered(operations)) >= ALWAYS_OFFERED - {operation, "Stores" if operation == "Store" else operation}


@pytest.mark.parametrize("coordinate", ["ProductInterface.upsell_products", "Products.suggestions"])
def test_without_a_field_that_is_not_required_the_operation_only_goes_without_it(coordinate: str) -> None:
    schema = without(pinned()["adobe-commerce-2.4.8"].schema, coordinate)
    operations = Operations(schema)
    flags = flags_for(operations, "Products")
    parsed = sound(schema, operations.document("Products", flags))
    lacking = {path.rpartition(".")[2] for path in paths(parsed)}
    assert coordinate.partition(".")[2] not in lacking


@pytest.mark.parametrize(("version", "variant"), [(name, "" if name[-5:] >= "2.4.7" else "2_4_4") for name in VERSIONS])
def test_the_newest_variant_that_fits_is_chosen(version: str, variant: str) -> None:
    operations = operations_of(version)
    assert operations.variant("Attributes") == variant
    field = "customAttributeMetadata" if variant else "attributesList"
    assert field in operations.document("Attributes").text


def test_variants_are_tried_newest_first_whatever_their_file_names(tmp_path: Path) -> None:
    (tmp_path / "fragments.graphql").write_text("fragment StoreFields on StoreConfig { locale }")
    for variant in ("", ".2_4_4", ".2_4_10", ".2_4_9", ".2_5"):
        (tmp_path / f"Thing{variant}.graphql").write_text("query Thing { storeConfig { locale } }")
    assert [source.variant for source in load(tmp_path)["Thing"]] == ["", "2_5", "2_4_10", "2_4_9", "2_4_4"]


def test_an_older_variant_serves_where_the_newer_one_lacks_a_required_field() -> None:
    schema = without(pinned()["open-source-2.4.4"].schema, "Query.customAttributeMetadata")
    operations = Operations(schema)
    assert not operations.offers("Attributes")
    assert operations.unoffered["Attributes"] == (
        "this Commerce does not offer Query.attributesList nor Query.customAttributeMetadata"
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_version_loses_is_named_with_what_it_lacks_for_it(version: str) -> None:
    operations = operations_of(version)
    promised = {public for sources in load().values() for source in sources for public in promises(source)}
    lost = operations.lost()
    assert lost.keys() <= promised
    assert list(lost) == sorted(lost)
    for coordinate in lost.values():
        for each in coordinate.split(" and "):
            assert not has(operations.schema, each)
    assert ("Store.defaultCountry" in lost) is not has(operations.schema, "StoreConfig.default_country")


def test_no_document_on_disk_has_a_directive_that_is_neither_ours_nor_graphqls() -> None:
    for path in FOLDER.glob("*.graphql"):
        found = _Everything()
        visit(parse(path.read_text()), found)
        assert found.directives <= OWN_DIRECTIVES | {"include"}, path.name


def test_every_optional_part_of_an_operation_is_used_in_its_text_or_its_fragments() -> None:
    newest = operations_of("adobe-commerce-2.4.9")
    for name in offered(newest):
        whole = paths(parse(newest.document(name, flags_for(newest, name)).text))
        for flag in flags_for(newest, name):
            rest = set(flags_for(newest, name)) - {flag}
            assert paths(parse(newest.document(name, rest).text)) != whole, (name, flag)


# Slices


@pytest.mark.parametrize("version", VERSIONS)
def test_a_coordinate_is_in_the_slice_or_in_its_list_of_absent_ones(version: str) -> None:
    found = pinned()[version]
    present, absent = touched(found.schema)
    assert absent == found.absent
    for coordinate in present:
        owner, dot, member = coordinate.partition(".")
        field, parenthesis, argument = member.partition("(")
        declared = found.schema.get_type(owner)
        assert declared is not None, coordinate
        if dot:
            assert has(found.schema, f"{owner}.{field}"), coordinate
        if parenthesis:
            assert isinstance(declared, GraphQLObjectType | GraphQLInterfaceType)
            assert argument.removesuffix(":)") in declared.fields[field].args, coordinate
    assert not present & found.absent


def test_a_new_field_in_a_document_that_no_slice_knows_is_noticed() -> None:
    schema = without(pinned()["adobe-commerce-2.4.9"].schema, "ProductInterface.rating_summary")
    _, absent = touched(schema)
    assert "ProductInterface.rating_summary" in absent - pinned()["adobe-commerce-2.4.9"].absent


@pytest.mark.parametrize("version", VERSIONS)
def test_cutting_a_slice_gives_that_slice(version: str, tmp_path: Path) -> None:
    once = cut(pinned()[version].schema, version)
    path = tmp_path / f"{version}.graphql"
    path.write_text(once)
    again = read(path)
    assert cut(again.schema, version) == once
    assert again.absent == pinned()[version].absent
    assert again.version == pinned()[version].version
    assert once == (FILES / f"{version}.graphql").read_text()


@pytest.mark.parametrize("version", VERSIONS)
def test_cutting_drops_what_no_operation_touches(version: str) -> None:
    more = parse("extend type Query { wishlist: Wishlist } type Wishlist { id: ID }")
    schema = extend_schema(pinned()[version].schema, more, assume_valid=True, assume_valid_sdl=True)
    assert cut(schema, version) == cut(pinned()[version].schema, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_each_slice_is_nearest_to_itself(version: str) -> None:
    assert nearest(pinned()[version].schema).name == version


def test_every_pinned_version_from_the_second_on_has_its_mark() -> None:
    versions = [found.version for found in pinned().values()]
    assert versions == sorted(versions)
    assert set(versions) == {"2.4.4", *CAME_WITH}


# Capabilities


@cache
def seen_live(version: str) -> Capabilities:
    """The picture that introspection of a pinned schema gives."""
    result = graphql_sync(pinned()[version].schema, INTROSPECTION)
    assert result.errors is None
    assert result.data is not None
    return from_introspection(result.data)


@pytest.mark.parametrize("version", VERSIONS)
def test_introspection_shows_the_same_as_the_schema_itself(version: str) -> None:
    live, slice_ = seen_live(version), from_slice(pinned()[version].version)
    assert (live.live, slice_.live) == (True, False)
    assert live.like.name == slice_.like.name == version
    assert live.sorts == slice_.sorts
    assert live.sorts
    assert {code: kind for code, kind in live.filters.items() if code in SHIPPED_FILTERS} == slice_.filters
    assert live.filters["price"] == "range"
    assert live.filters["name"] == "match"
    assert live.filters["sku"] == "equal"
    assert offered(live.operations) == offered(slice_.operations)
    assert live.operations.lost() == operations_of(version).lost()
    for name in offered(live.operations):
        flags = set(flags_for(live.operations, name))
        assert live.operations.document(name, flags) == operations_of(version).document(name, flags)


@pytest.mark.parametrize(
    ("version", "shown", "edition"),
    [
        ("open-source-2.4.4", "2.4.4 or 2.4.5", "Magento Open Source"),
        ("adobe-commerce-2.4.6", "2.4.6", "Adobe Commerce"),
        ("adobe-commerce-2.4.7", "2.4.7", "Adobe Commerce"),
        ("adobe-commerce-2.4.8", "2.4.8", "Adobe Commerce"),
        ("adobe-commerce-2.4.9", "2.4.9", "Adobe Commerce"),
    ],
)
def test_version_and_edition_are_told_from_the_schema(version: str, shown: str, edition: str) -> None:
    seen = seen_live(version)
    assert (seen.version, seen.edition, seen.saas) == (shown, edition, False)


def test_a_slice_takes_further_attributes_from_settings() -> None:
    seen = from_slice("2.4.4", attributes=("color", "fabric_care"))
    assert seen.operations.attributes == ("color", "fabric_care")
    assert seen.filters["price"] == "range"
    assert seen.filters["fabric_care"] == "equal"
    assert seen.filters["color"] == "equal"
    text = seen.operations.document("Products", ("items", "attributes")).text
    assert "attribute_fabric_care: fabric_care" in text
    assert "attribute_material" not in text


@pytest.mark.parametrize("version", ["2.4.4", "2.4.6"])
def test_a_slice_without_settings_asks_for_no_attribute_of_the_sample_shop(version: str) -> None:
    seen = from_slice(version)
    assert seen.operations.attributes == ()
    assert ".attribute_" not in str(paths(parse(seen.operations.document("Products", ("items", "attributes")).text)))
    assert set(seen.filters) <= SHIPPED_FILTERS


def test_an_unknown_version_is_taken_for_the_oldest() -> None:
    assert from_slice("").like.name == from_slice("9.9.9").like.name == "open-source-2.4.4"


def test_the_cloud_service_is_recognised_and_its_catalogue_not_offered() -> None:
    schema = build_schema(SAAS)
    result = graphql_sync(schema, INTROSPECTION)
    assert result.data is not None
    seen = from_introspection(result.data)
    assert (seen.saas, seen.version) == (True, "SaaS")
    assert (dict(seen.filters), seen.sorts) == ({}, ())
    assert not seen.operations.offers("Route")
    assert not seen.operations.offers("Products")
    assert not seen.operations.offers("CategoryPage")
    assert seen.operations.offers("Countries")
    assert "Query.products" not in seen.operations.lost().values()
    with pytest.raises(Unsupported):
        seen.operations.document("Products")


@pytest.mark.parametrize("result", [{}, {"__schema": None}, {"__schema": {}}])
def test_what_is_no_introspection_result_raises(result: dict[str, object]) -> None:
    with pytest.raises((TypeError, KeyError, AttributeError)):
        from_introspection(result)

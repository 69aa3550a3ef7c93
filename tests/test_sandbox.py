"""The stand-in Commerce lists and finds products as a recorded Magento 2.4.4 does; and the shop that it sells from."""

from __future__ import annotations

from typing import Any

import pytest

from app.sandbox.commerce import VERSIONS, Commerce, create_commerce, demo_shop, generate_shop
from app.sandbox.commerce.model import Product
from app.sandbox.commerce.pictures import picture
from app.sandbox.commerce.prices import money, percent

from .sandbox_client import LISTING, data, error, listing, options, skus


@pytest.fixture(scope="module")
def commerce() -> Commerce:
    return create_commerce("2.4.4")


# Listings and searches


async def test_a_category_lists_its_products_newest_first_with_facets(commerce: Commerce) -> None:
    listed = await listing(commerce, filter={"category_id": {"eq": "3"}})
    assert (listed["total_count"], listed["page_info"]["total_pages"]) == (28, 3)
    assert skus(listed)[:3] == ["TT-B07", "TT-B06", "TT-B05"]
    assert listed["sort_fields"]["default"] == "position"
    assert [facet["attribute_code"] for facet in listed["aggregations"]] == [
        "price",
        "category_id",
        "color",
        "size",
        "material",
        "climate",
        "pattern",
        "eco_collection",
        "new",
        "sale",
    ]
    assert options(listed, "category_id") == {
        "Apparel": 28,
        "Jackets": 7,
        "Fleece & Knitwear": 7,
        "Trousers": 7,
        "Base Layers": 7,
    }
    assert options(listed, "price") == {"0-100": 15, "100-200": 10, "200-300": 2, "300-400": 1}
    assert options(listed, "sale") == {"1": 6}


async def test_a_colour_filter_finds_configurables_by_their_variants(commerce: Commerce) -> None:
    listed = await listing(commerce, filter={"category_id": {"eq": "3"}, "color": {"in": ["49"]}}, pageSize=50)
    assert listed["total_count"] == 14
    assert options(listed, "color")["Black"] == 14
    both = await listing(commerce, filter={"category_id": {"eq": "3"}, "color": {"in": ["49"]}, "size": {"eq": "166"}})
    assert 0 < both["total_count"] < 14


async def test_prices_sort_and_filter_in_the_currency_shown(commerce: Commerce) -> None:
    german = {"Store": "de"}
    listed = await listing(commerce, german, filter={"category_id": {"eq": "3"}}, sort={"price": "ASC"}, pageSize=28)
    values = [item["price_range"]["minimum_price"]["final_price"]["value"] for item in listed["items"]]
    assert values == sorted(values)
    assert values[0] == 26.68
    facet = next(one for one in listed["aggregations"] if one["attribute_code"] == "price")
    assert facet["options"][0] == {"label": "0-92", "value": "0_92", "count": 15}
    cheap = await listing(commerce, german, filter={"category_id": {"eq": "3"}, "price": {"from": "0", "to": "92"}})
    assert cheap["total_count"] == 15


async def test_names_sort_both_ways(commerce: Commerce) -> None:
    up = await listing(commerce, filter={"category_id": {"eq": "14"}}, sort={"name": "ASC"})
    down = await listing(commerce, filter={"category_id": {"eq": "14"}}, sort={"name": "DESC"})
    assert skus(up) == skus(down)[::-1] == ["TT-K02", "TT-C12", "TT-C09", "TT-C11", "TT-C10"]


async def test_products_out_of_stock_hide_until_the_shop_shows_them() -> None:
    commerce = create_commerce("2.4.4")
    assert (await listing(commerce, filter={"sku": {"eq": "TT-C13"}}))["total_count"] == 0
    commerce.shop.show_out_of_stock = True
    commerce.shop.set_page("home", "")  # anything that the indexers look at
    listed = await listing(commerce, filter={"sku": {"eq": "TT-C13"}})
    assert listed["items"][0]["stock_status"] == "OUT_OF_STOCK"


async def test_variants_are_not_listed(commerce: Commerce) -> None:
    assert (await listing(commerce, filter={"sku": {"in": ["TT-J01-M-Black", "TT-J01", "no-such"]}}))[
        "total_count"
    ] == 1


async def test_a_search_finds_words_in_names_before_words_in_texts(commerce: Commerce) -> None:
    found = await listing(commerce, search="tent")
    assert skus(found)[:2] == ["TT-C02", "TT-C01"]
    assert "TT-K01" in skus(found)
    assert skus(await listing(commerce, search="TT-C09"))[0] == "TT-C09"
    assert skus(await listing(commerce, {"Store": "de"}, search="Regenjacken")) == ["TT-J01"]


async def test_a_search_that_is_too_short_finds_everything(commerce: Commerce) -> None:
    everything = await listing(commerce, filter={})
    assert everything["total_count"] == 90
    assert (await listing(commerce, search=""))["total_count"] == 90
    assert (await listing(commerce, search="a"))["total_count"] == 90


async def test_a_search_for_nothing_known_is_empty_and_suggests_a_word_that_is_near(commerce: Commerce) -> None:
    nothing = await listing(commerce, search="zzzzqqqq")
    assert (nothing["total_count"], nothing["items"], nothing["aggregations"], nothing["suggestions"]) == (
        0,
        [],
        [],
        [],
    )
    assert nothing["page_info"] == {"current_page": 1, "page_size": 12, "total_pages": 0}
    assert {"search": "lantern"} in (await listing(commerce, search="lanterm"))["suggestions"]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "'search' or 'filter' input argument is required."),
        ({"filter": {}, "pageSize": 0}, "pageSize value must be greater than 0."),
        ({"filter": {}, "currentPage": 0}, "currentPage value must be greater than 0."),
        (
            {"filter": {"category_id": {"eq": "3"}}, "currentPage": 99},
            "currentPage value 99 specified is greater than the 3 page(s) available.",
        ),
    ],
)
async def test_a_listing_refuses_what_commerce_refuses(
    commerce: Commerce, variables: dict[str, Any], message: str
) -> None:
    assert await error(commerce, LISTING, variables) == (message, "graphql-input", ["products"])


async def test_from_2_4_6_on_the_category_facet_speaks_uids_and_from_2_4_7_on_url_paths_filter() -> None:
    newer = await listing(create_commerce("2.4.6"), filter={"category_uid": {"eq": "Mw=="}})
    facet = next(one for one in newer["aggregations"] if one["attribute_code"] == "category_uid")
    assert facet["options"][0] == {"label": "Apparel", "value": "Mw==", "count": 28}
    newest = create_commerce("2.4.7")
    assert (await listing(newest, filter={"category_url_path": {"eq": "apparel/jackets"}}))["total_count"] == 7


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_version_has_the_filters_and_fields_of_this_shop_and_of_no_other(version: str) -> None:
    commerce = create_commerce(version)
    found = await data(
        commerce,
        '{ f: __type(name: "ProductAttributeFilterInput") { inputFields { name } } '
        'p: __type(name: "SimpleProduct") { fields { name type { name } } } }',
    )
    filters = {field["name"] for field in found["f"]["inputFields"]}
    assert {"color", "size", "material", "climate", "pattern", "format", "eco_collection", "new", "sale"} <= filters
    assert not {"style_bags", "sleeve", "erin_recommends", "care"} & filters
    fields = {field["name"]: field["type"]["name"] for field in found["p"]["fields"]}
    assert (fields["color"], fields["material"], fields["care"]) == ("Int", "String", "String")
    assert "style_bags" not in fields


# The shop itself


def test_the_demo_shop_is_the_same_every_time_and_has_what_a_demo_needs() -> None:
    first, second = demo_shop(), demo_shop()
    assert first.products == second.products
    listed = [one for one in first.products.values() if one.visible]
    assert len(listed) == 91
    assert {one.kind for one in listed} == {"simple", "configurable", "bundle", "grouped", "downloadable", "virtual"}
    assert sum(map(len, first.reviews.values())) == 47
    assert all(sku in first.products for sku in first.reviews)
    assert len({one.url_key for one in first.products.values()}) == len(first.products)
    names = " ".join(str(one.name) for one in listed)
    assert "&trade;" in names


def test_every_picture_of_the_demo_shop_can_be_drawn() -> None:
    files = {media.file for one in demo_shop().products.values() for media in one.gallery}
    for file in files:
        drawn = picture(f"/media/catalog/product/cache/{'0' * 32}/{file[0]}/{file[1]}/{file}")
        assert drawn is not None
        assert drawn.endswith("</svg>")
    assert picture("/media/catalog/product/cache/x/a/b/ab.jpg") is None


def test_a_generated_shop_has_exactly_the_skus_asked_for_and_is_repeatable() -> None:
    first, second = generate_shop(2_000), generate_shop(2_000)
    assert len(first.products) == 2_000
    assert first.products == second.products
    assert generate_shop(2_000, seed=2).products != first.products
    variants = [one for one in first.products.values() if not one.visible]
    assert 500 < len(variants) < 1_800


async def test_a_generated_shop_can_be_filtered() -> None:
    commerce = create_commerce("2.4.4", shop=generate_shop(2_000))
    listed = await listing(commerce, filter={"category_id": {"eq": "3"}, "color": {"in": ["49"]}})
    assert listed["total_count"] > 5
    assert options(listed, "color")["Black"] == listed["total_count"]


def test_money_rounds_half_up_and_writes_whole_amounts_without_a_fraction() -> None:
    assert [money(20.49, 0.92), money(15.25, 0.92), money(34.0), money(7.125)] == [18.85, 14.03, 34, 7.13]
    assert isinstance(money(34.0), int)
    assert percent(5.24, 20.49) == 25.57


def test_a_product_knows_its_type() -> None:
    assert Product(1, "x", "grouped", "X", "x", 0).typename == "GroupedProduct"

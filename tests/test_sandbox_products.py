"""The products of the stand-in Commerce, as recorded of 2.4.4 and as published of later versions."""

from __future__ import annotations

import base64
import re

import pytest

from app.sandbox.commerce import Commerce, create_commerce

from .sandbox_client import product, send

PRICE = "price_range { minimum_price { regular_price { value } final_price { value currency } discount { amount_off \
percent_off } } maximum_price { final_price { value } } }"


@pytest.fixture(scope="module")
def commerce() -> Commerce:
    return create_commerce("2.4.4")


async def test_a_configurable_has_options_with_swatches_and_variants(commerce: Commerce) -> None:
    found = await product(
        commerce,
        "TT-J01",
        "uid ... on ConfigurableProduct { configurable_options { uid attribute_code label values { uid value_index "
        "label swatch_data { __typename value } } } variants { attributes { uid code value_index } product { sku } } }",
    )
    colour, size = found["configurable_options"]
    assert base64.b64decode(colour["uid"]).decode() == f"configurable/{base64.b64decode(found['uid']).decode()}/93"
    assert colour["values"][0] == {
        "uid": base64.b64encode(b"configurable/93/49").decode(),
        "value_index": 49,
        "label": "Black",
        "swatch_data": {"__typename": "ColorSwatchData", "value": "#26282b"},
    }
    assert [value["label"] for value in size["values"]] == ["XS", "S", "M", "L", "XL"]
    assert size["values"][0]["swatch_data"] == {"__typename": "TextSwatchData", "value": "XS"}
    assert len(found["variants"]) == 15 - 1  # one variant of fifteen is sold out
    assert found["variants"][0]["product"] == {"sku": "TT-J01-XS-Black"}


async def test_a_colour_of_many_has_a_picture_for_a_swatch(commerce: Commerce) -> None:
    fields = (
        "... on ConfigurableProduct { configurable_options { values { swatch_data { value ... on ImageSwatchData { \
thumbnail } } } } }"
    )
    found = await product(commerce, "TT-B07", fields)
    swatch = found["configurable_options"][0]["values"][-1]["swatch_data"]
    thumbnail = "http://127.0.0.1:8081/media/attribute/swatch/swatch_thumb/110x90/m/u/multi.svg"
    assert swatch == {"value": "/m/u/multi.svg", "thumbnail": thumbnail}
    reply = await send(commerce, "GET", thumbnail)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/svg+xml")


async def test_a_bundle_costs_what_its_parts_cost(commerce: Commerce) -> None:
    fields = f"{PRICE} ... on BundleProduct {{ dynamic_price items {{ uid title type required options {{ uid label \
is_default price product {{ sku }} }} }} }}"
    found = await product(commerce, "TT-K01", fields)
    assert found["price_range"]["minimum_price"]["final_price"]["value"] == 389 + 99 + 49
    assert found["price_range"]["maximum_price"]["final_price"]["value"] == 529 + 319 + 69 + 24 + 29
    first = found["items"][0]
    assert (first["title"], first["type"], first["required"], first["options"][0]["price"]) == (
        "Tent",
        "radio",
        True,
        0,
    )
    assert re.fullmatch(r"bundle/\d+/\d+/1", base64.b64decode(first["options"][0]["uid"]).decode())


async def test_a_group_shows_its_cheapest_member_at_both_ends(commerce: Commerce) -> None:
    found = await product(commerce, "TT-G01", f"{PRICE} ... on GroupedProduct {{ items {{ qty product {{ sku }} }} }}")
    prices = found["price_range"]
    assert prices["minimum_price"]["final_price"]["value"] == prices["maximum_price"]["final_price"]["value"] == 19
    assert [item["product"]["sku"] for item in found["items"]] == ["TT-P08", "TT-P09", "TT-P10"]


async def test_a_download_has_links_and_samples(commerce: Commerce) -> None:
    fields = "... on DownloadableProduct { links_title downloadable_product_links { uid title price } \
downloadable_product_samples { title sample_url } }"
    found = await product(commerce, "TT-D04", fields)
    assert [link["price"] for link in found["downloadable_product_links"]] == [3, 3, 3]
    assert base64.b64decode(found["downloadable_product_links"][0]["uid"]) == b"downloadable/31"
    (sample,) = found["downloadable_product_samples"]
    assert sample["sample_url"] == "http://127.0.0.1:8081/downloadable/download/sample/sample_id/39/"


async def test_the_keepsake_mug_has_a_customizable_option_of_every_kind(commerce: Commerce) -> None:
    fields = "... on CustomizableProductInterface { options { __typename uid title ... on CustomizableFieldOption { \
one: value { uid price max_characters } } ... on CustomizableDropDownOption { many: value { uid title price price_type \
} } } }"
    found = (await product(commerce, "TT-M01", fields))["options"]
    kinds = ["Field", "DropDown", "Area", "Date", "File", "Radio", "Checkbox", "Multiple"]
    assert [option["__typename"] for option in found] == [f"Customizable{kind}Option" for kind in kinds]
    assert found[0]["one"] == {"uid": found[0]["uid"], "price": 2.5, "max_characters": 20}
    assert base64.b64decode(found[1]["many"][1]["uid"]) == b"custom-option/2/2"
    assert (await product(commerce, "TT-C01", "... on CustomizableProductInterface { options { uid } }"))[
        "options"
    ] is None


async def test_names_and_texts_are_those_of_the_store_view(commerce: Commerce) -> None:
    fields = "name description { html } categories { name breadcrumbs { category_name } }"
    found = await product(commerce, "TT-J01", fields, Store="de")
    assert found["name"] == "Gully Regenjacke"
    assert found["categories"] == [
        {"name": "Bekleidung", "breadcrumbs": None},
        {"name": "Jacken", "breadcrumbs": [{"category_name": "Bekleidung"}]},
    ]
    assert (await product(commerce, "TT-J01", "name", Store="en_eu"))["name"] == "Gully Rain Shell"


async def test_special_prices_and_quantity_prices_are_compared_with_the_regular_price(commerce: Commerce) -> None:
    tarp = (await product(commerce, "TT-C03", PRICE, Content_Currency="GBP"))["price_range"]["minimum_price"]
    assert tarp == {
        "regular_price": {"value": 117.71},
        "final_price": {"value": 94.01, "currency": "GBP"},
        "discount": {"amount_off": 23.7, "percent_off": 20.13},
    }
    mug = await product(commerce, "TT-C12", "price_tiers { quantity final_price { value } discount { percent_off } }")
    assert mug["price_tiers"] == [
        {"quantity": 5, "final_price": {"value": 16.2}, "discount": {"percent_off": 10}},
        {"quantity": 10, "final_price": {"value": 15.3}, "discount": {"percent_off": 15}},
    ]


async def test_prices_are_written_as_php_writes_numbers(commerce: Commerce) -> None:
    query = """{ products(filter: {sku: {eq: "TT-C01"}}) {
      items { price_range { minimum_price { final_price { value } } } } } }"""
    reply = await send(commerce, json={"query": query})
    assert '"value":389}' in reply.text


async def test_a_gallery_has_a_video_and_says_which_entries_are_disabled(commerce: Commerce) -> None:
    fields = "media_gallery { __typename url position disabled ... on ProductVideo { video_content { video_url } } }"
    gallery = (await product(commerce, "TT-C01", fields))["media_gallery"]
    assert [(entry["__typename"], entry["disabled"]) for entry in gallery] == [
        ("ProductImage", False),
        ("ProductImage", False),
        ("ProductImage", False),
        ("ProductVideo", False),
        ("ProductImage", True),
    ]
    assert gallery[3]["video_content"] == {"video_url": "https://video.example/watch/hollow-2"}
    reply = await send(commerce, "GET", gallery[0]["url"])
    assert reply.text.startswith("<svg ")


async def test_reviews_come_in_pages_and_make_the_rating(commerce: Commerce) -> None:
    fields = "rating_summary review_count reviews(pageSize: 3, currentPage: 3) { items { nickname average_rating \
ratings_breakdown { name value } } page_info { current_page total_pages } }"
    found = await product(commerce, "TT-J01", fields)
    assert (found["rating_summary"], found["review_count"]) == (80, 7)
    assert found["reviews"] == {
        "items": [{"nickname": "Greg", "average_rating": 40, "ratings_breakdown": [{"name": "Rating", "value": "2"}]}],
        "page_info": {"current_page": 3, "total_pages": 3},
    }


async def test_low_stock_says_how_many_are_left(commerce: Commerce) -> None:
    assert (await product(commerce, "TT-C07", "only_x_left_in_stock"))["only_x_left_in_stock"] == 3
    assert (await product(commerce, "TT-C01", "only_x_left_in_stock"))["only_x_left_in_stock"] is None


async def test_attributes_are_scalars_and_from_2_4_7_on_values_with_labels(commerce: Commerce) -> None:
    found = await product(commerce, "TT-T06", "color material eco_collection care")
    assert found == {
        "color": None,
        "material": "32,33",
        "eco_collection": None,
        "care": "Wash at 30 degrees, line dry.",
    }
    newer = await product(
        create_commerce("2.4.8"),
        "TT-C01",
        "custom_attributesV2 { items { code ... on AttributeValue { value } ... on AttributeSelectedOptions { "
        "selected_options { label value } } } }",
        Store="de",
    )
    assert newer["custom_attributesV2"]["items"] == [
        {"code": "color", "selected_options": [{"label": "Grün", "value": "53"}]},
        {
            "code": "material",
            "selected_options": [{"label": "Nylon", "value": "37"}, {"label": "Aluminium", "value": "38"}],
        },
        {"code": "new", "selected_options": [{"label": "Yes", "value": "1"}]},
    ]

"""The fields that all products have, as in gql-030 and gql-070 to gql-078."""

# ruff: noqa: ARG005, N803 - resolvers take what GraphQL gives them, by the names of Commerce's arguments

from __future__ import annotations

from typing import Any

from .call import Call, Info, call
from .catalog import existing, page_bounds
from .model import Category, Media, Product, uid
from .prices import Prices, money, percent

CACHE_HASH = "ff252c6affd543b392b40ba99557bf77"
SUFFIX = ".html"


def picture_url(context: Call, file: str) -> str:
    """Where a product's picture is, under the hash that Magento's image cache puts into the path."""
    return context.media(f"catalog/product/cache/{CACHE_HASH}/{file[0]}/{file[1]}/{file}")


def image(product: Product, info: Info) -> dict[str, Any]:
    """The main picture, or the theme's placeholder (gql-075); labelled with the product's name."""
    context = call(info)
    main = next((media for media in product.gallery if not media.disabled), None)
    placeholder = f"{context.public_url}/static/frontend/Magento_Catalog/images/product/placeholder/image.svg"
    return {
        "url": picture_url(context, main.file) if main else placeholder,
        "label": context.say(product.name),
        "position": None,
        "disabled": None,
    }


def gallery(product: Product, info: Info) -> list[dict[str, Any]]:
    context = call(info)
    return [media_entry(context, media, n) for n, media in enumerate(product.gallery, 1)]


def media_entry(context: Call, media: Media, position: int) -> dict[str, Any]:
    """A picture or a video of a gallery."""
    entry: dict[str, Any] = {
        "__typename": "ProductVideo" if media.video_url else "ProductImage",
        "url": picture_url(context, media.file),
        "label": context.say(media.label),
        "position": position,
        "disabled": media.disabled,
        "types": ["image", "small_image", "thumbnail"] if position == 1 else [],
    }
    if media.video_url:
        entry["video_content"] = {
            "media_type": "external-video",
            "video_provider": "",
            "video_url": media.video_url,
            "video_title": media.video_title,
            "video_description": media.video_description,
            "video_metadata": "",
        }
    return entry


def _price(context: Call, regular: float, final: float) -> dict[str, Any]:
    shown_regular, shown_final = money(regular, context.rate), money(final, context.rate)
    return {
        "regular_price": {"value": shown_regular, "currency": context.currency},
        "final_price": {"value": shown_final, "currency": context.currency},
        "discount": _discount(shown_regular, shown_final),
    }


def _discount(regular: float, final: float) -> dict[str, float]:
    off = money(regular - final)
    return {"amount_off": off, "percent_off": percent(off, regular)}


def price_range(product: Product, info: Info) -> dict[str, Any]:
    context = call(info)
    return range_of(context, context.index.prices(product.sku, context.group))


def range_of(context: Call, prices: Prices) -> dict[str, Any]:
    """`PriceRange` in the currency shown."""
    return {
        "minimum_price": _price(context, prices.regular_min, prices.final_min),
        "maximum_price": _price(context, prices.regular_max, prices.final_max),
    }


def price_tiers(product: Product, info: Info) -> list[dict[str, Any]]:
    """Prices from a quantity on, for the caller's customer group, compared with the regular price (gql-061)."""
    context = call(info)
    seen = context.index.view(product.sku) or product
    tiers = []
    for tier in sorted(seen.tiers, key=lambda tier: tier.quantity):
        if tier.quantity > 1 and tier.group in (None, context.group):
            price = money(tier.price, context.rate)
            tiers.append(
                {
                    "quantity": tier.quantity,
                    "final_price": {"value": price, "currency": context.currency},
                    "discount": _discount(money(seen.price, context.rate), price),
                }
            )
    return tiers


def special_price(product: Product, info: Info) -> float | None:
    context = call(info)
    return None if product.special_price is None else money(product.special_price, context.rate)


def stock_status(product: Product, info: Info) -> str:
    return "IN_STOCK" if call(info).index.salable(product.sku) else "OUT_OF_STOCK"


def only_x_left(product: Product, info: Info) -> float | None:
    """How many are left, once that is the shop's threshold or less; only for what has a stock of its own."""
    context = call(info)
    seen = context.index.view(product.sku) or product
    counted = seen.kind == "simple" and seen.in_stock and 0 < seen.qty <= context.shop.low_stock_threshold
    return seen.qty if counted else None


def quantity(product: Product, info: Info) -> float:
    return (call(info).index.view(product.sku) or product).qty


def categories(product: Product, info: Info) -> list[Category]:
    return [call(info).shop.categories[entity] for entity in product.categories]


def reviews(
    product: Product, info: Info, pageSize: int | None = None, currentPage: int | None = None
) -> dict[str, Any]:
    size, page = page_bounds(pageSize, currentPage)
    every = call(info).shop.reviews.get(product.sku, [])
    items = [
        {
            "nickname": review.nickname,
            "summary": review.summary,
            "text": review.text,
            "average_rating": review.rating,
            "created_at": review.created_at,
            "ratings_breakdown": [{"name": "Rating", "value": str(review.rating // 20)}],
            "product": product,
        }
        for review in every[(page - 1) * size : page * size]
    ]
    pages = -(-len(every) // size)
    return {"items": items, "page_info": {"current_page": page, "page_size": size, "total_pages": pages}}


def rating_summary(product: Product, info: Info) -> float:
    """The average of the reviews in whole percent; 0 without any (gql-030)."""
    every = call(info).shop.reviews.get(product.sku, [])
    return round(sum(review.rating for review in every) / len(every)) if every else 0


def review_count(product: Product, info: Info) -> int:
    return len(call(info).shop.reviews.get(product.sku, []))


def url_rewrites(product: Product, info: Info) -> list[dict[str, Any]]:
    """The product's own URL and one below each of its categories (gql-071)."""
    context = call(info)
    identity = {"name": "id", "value": str(product.id)}
    rewrites = [{"url": f"{product.url_key}{SUFFIX}", "parameters": [identity]}]
    for entity in product.categories:
        path = context.shop.categories[entity].url_path
        parameters = [identity, {"name": "category", "value": str(entity)}]
        rewrites.append({"url": f"{path}/{product.url_key}{SUFFIX}", "parameters": parameters})
    return rewrites


def attribute_value(product: Product, info: Info) -> Any:
    """An attribute as a scalar: an option id, option ids as `8,11`, or a text (the style of 2.4.4 to 2.4.6)."""
    value = product.attributes.get(info.field_name)
    return ",".join(map(str, value)) if isinstance(value, tuple) else value


def custom_attributes(product: Product, info: Info, filters: dict[str, bool] | None = None) -> dict[str, Any]:
    """`custom_attributesV2`, from 2.4.7 on: values with the labels of their options."""
    context = call(info)
    items: list[dict[str, Any]] = []
    for attribute in context.shop.attributes:
        value = product.attributes.get(attribute.code)
        if value is None or (filters or {}).get("is_filterable", attribute.filterable) != attribute.filterable:
            continue
        if isinstance(value, str):
            items.append({"__typename": "AttributeValue", "code": attribute.code, "value": value})
            continue
        chosen = []
        for option_id in value if isinstance(value, tuple) else (value,):
            option = attribute.option(option_id)
            label = context.say(option.label) if option else ("Yes" if option_id else "No")
            chosen.append({"__typename": "AttributeSelectedOption", "label": label, "value": str(option_id)})
        items.append({"__typename": "AttributeSelectedOptions", "code": attribute.code, "selected_options": chosen})
    return {"items": items, "errors": []}


def _html(name: str) -> Any:
    return lambda product, info: {"html": call(info).html(getattr(product, name))}


def _text(name: str) -> Any:
    return lambda product, info: call(info).say(getattr(product, name)) or None


def _links(name: str) -> Any:
    return lambda product, info: existing(call(info), getattr(product, name))


def _constant(value: Any) -> Any:
    return lambda product, info: value


FIELDS = {
    "ProductInterface": {
        "uid": lambda product, info: uid(product.id),
        "name": lambda product, info: call(info).say(product.name),
        "type_id": lambda product, info: product.kind,
        "url_suffix": _constant(SUFFIX),
        "url_rewrites": url_rewrites,
        "description": _html("description"),
        "short_description": _html("short_description"),
        "meta_title": _text("meta_title"),
        "meta_description": _text("meta_description"),
        "image": image,
        "small_image": image,
        "thumbnail": image,
        "media_gallery": gallery,
        "price_range": price_range,
        "price_tiers": price_tiers,
        "special_price": special_price,
        "stock_status": stock_status,
        "only_x_left_in_stock": only_x_left,
        "quantity": quantity,
        "categories": categories,
        "reviews": reviews,
        "rating_summary": rating_summary,
        "review_count": review_count,
        "related_products": _links("related"),
        "upsell_products": _links("upsell"),
        "crosssell_products": _links("crosssell"),
        "custom_attributesV2": custom_attributes,
        "attribute_set_id": _constant(4),
        "staged": _constant(False),
        # Outside of `route`, Commerce knows no URL that the product was asked by.
        "redirect_code": lambda product, info: getattr(product, "redirect_code", 0),
    },
}

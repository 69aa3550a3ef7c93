"""What a visitor of a shop does, written against the public API alone and against no shop in particular.

Every journey finds its own categories and products, starting at the navigation, and holds for a stock Magento Open
Source 2.4.4 with the Luma sample data as for the stand-in of every version. Those of `JOURNEYS` read and nothing else;
those of `WRITING` order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.journeys.catalog import (
    a_category_is_paged_through_to_its_end,
    a_facet_value_finds_as_many_products_as_it_says,
    a_page_past_the_end_is_empty_and_tells_the_total,
    a_product_by_sku_is_the_product_by_its_url_key,
    a_product_page_of_each_type_has_all_that_it_needs,
    a_range_of_prices_narrows_a_category,
    products_are_sorted_by_price_both_ways_and_by_name,
    products_by_sku_keep_their_order_and_nulls,
    search_finds_a_product_by_its_name,
    the_category_page_of_the_issue_runs_as_it_stands,
    the_menu_leads_to_categories_with_products,
)
from tests.journeys.checkout import (
    a_guest_fills_a_cart_and_orders_it_once,
    a_guest_signs_in_and_orders_as_a_customer,
    five_orders_at_once_are_one,
)
from tests.journeys.shop import (
    an_unknown_attribute_is_refused_with_the_known_ones_named,
    countries_have_codes_and_regions,
    every_store_view_answers_in_its_own_language_and_currency,
    no_link_leads_to_commerce_itself,
    oversized_and_empty_arguments_are_refused_by_name,
    pages_and_blocks_are_shown_in_order,
    prices_come_in_the_currency_that_is_asked_for,
    prices_of_a_store_view_come_in_its_currency,
    related_products_are_products,
    the_attributes_name_every_facet,
    unknown_store_views_and_currencies_are_refused,
    urls_lead_to_products_categories_and_pages,
    what_is_not_there_is_null,
)
from tests.journeys.storefront import CATEGORY_PAGE, PRODUCT_FIELDS, TYPES, Json, Storefront, same

__all__ = ["CATEGORY_PAGE", "JOURNEYS", "PRODUCT_FIELDS", "TYPES", "WRITING", "Journey", "Json", "Storefront", "same"]

Journey = Callable[[Storefront], Awaitable[None]]
JOURNEYS: tuple[Journey, ...] = (
    the_menu_leads_to_categories_with_products,
    a_category_is_paged_through_to_its_end,
    a_page_past_the_end_is_empty_and_tells_the_total,
    products_are_sorted_by_price_both_ways_and_by_name,
    a_facet_value_finds_as_many_products_as_it_says,
    a_range_of_prices_narrows_a_category,
    the_category_page_of_the_issue_runs_as_it_stands,
    a_product_page_of_each_type_has_all_that_it_needs,
    a_product_by_sku_is_the_product_by_its_url_key,
    products_by_sku_keep_their_order_and_nulls,
    search_finds_a_product_by_its_name,
    what_is_not_there_is_null,
    urls_lead_to_products_categories_and_pages,
    pages_and_blocks_are_shown_in_order,
    countries_have_codes_and_regions,
    the_attributes_name_every_facet,
    an_unknown_attribute_is_refused_with_the_known_ones_named,
    every_store_view_answers_in_its_own_language_and_currency,
    prices_come_in_the_currency_that_is_asked_for,
    prices_of_a_store_view_come_in_its_currency,
    unknown_store_views_and_currencies_are_refused,
    no_link_leads_to_commerce_itself,
    related_products_are_products,
    oversized_and_empty_arguments_are_refused_by_name,
)
WRITING: tuple[Journey, ...] = (
    a_guest_fills_a_cart_and_orders_it_once,
    five_orders_at_once_are_one,
    a_guest_signs_in_and_orders_as_a_customer,
)

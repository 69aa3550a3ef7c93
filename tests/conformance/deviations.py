"""Where the stand-in or the readers deviate from the recordings, and why that is right.

Listed one by one: `LISTED`, by recording and place. An entry that no longer deviates fails the run. Given for a whole
kind: the reasons below.
"""

from collections.abc import Mapping

NOT_ASKED = "not asked by the product"
TOO_LITTLE = "the recorded query does not ask for what the reader cannot do without"

_RULES = "the stand-in's price rules have no numbers, and nothing reads them"
_BOOK = "the recorded order went to an address of the customer's book, which carts of customers bring"
_BROUGHT = "the customer's book, which the stand-in does not keep yet, fills the addresses of his cart"
_CODES = "of the customer attributes only the codes are read"
_TIMES = "of a list of products only the SKUs and the times of change are read"

LISTED: Mapping[str, str] = {
    "gql-046-search-short data.products.items[].price_tiers[]": (
        "a text that is too short finds everything, and no product of the stand-in's first page has tier prices"
    ),
    "gql-047-search-empty-string data.products.items[].price_tiers[]": (
        "an empty text finds everything, and no product of the stand-in's first page has tier prices"
    ),
    "cart-036-remove-unknown-item messages": (
        "the product removes lines by updateCartItems, whose message for an unknown one is another"
    ),
    "ord-000-orders-updated-at body.items[].applied_rule_ids": _RULES,
    "ord-005-order-get body.applied_rule_ids": _RULES,
    "ord-005-order-get body.items[].applied_rule_ids": _RULES,
    "ord-005-order-get body.extension_attributes.shipping_assignments[].items[].applied_rule_ids": _RULES,
    "cust-040-customerCart data.customerCart.billing_address": _BROUGHT,
    "cust-046-mergeCarts data.mergeCarts.billing_address": _BROUGHT,
    "cust-046-mergeCarts data.mergeCarts.shipping_addresses": _BROUGHT,
    "cust-046-mergeCarts data.mergeCarts.shipping_addresses[]": _BROUGHT,
    "ord-005-order-get body.billing_address.customer_address_id": _BOOK,
    "ord-005-order-get body.extension_attributes.shipping_assignments[].shipping.address.customer_address_id": _BOOK,
    "pay-021-customer-attributes body[].options[]": _CODES,
    "pay-021-customer-attributes body[].validation_rules[]": _CODES,
    "rest-022-products-search body.items[].attribute_set_id": _TIMES,
    "rest-022-products-search body.items[].custom_attributes": _TIMES,
    "rest-022-products-search body.items[].media_gallery_entries": _TIMES,
    "rest-022-products-search body.items[].options": _TIMES,
    "rest-022-products-search body.items[].product_links": _TIMES,
    "rest-022-products-search body.items[].tier_prices": _TIMES,
}

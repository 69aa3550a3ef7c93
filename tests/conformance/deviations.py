"""Where the stand-in or the readers deviate from the recordings, and why that is right.

Listed one by one: `LISTED`, by recording and place. An entry that no longer deviates fails the run. Given for a whole
kind: the reasons below.
"""

from collections.abc import Mapping

NOT_ASKED = "not asked by the product"
TOO_LITTLE = "the recorded query does not ask for what the reader cannot do without"

LISTED: Mapping[str, str] = {
    "gql-046-search-short data.products.items[].price_tiers[]": (
        "a text that is too short finds everything, and no product of the stand-in's first page has tier prices"
    ),
    "gql-047-search-empty-string data.products.items[].price_tiers[]": (
        "an empty text finds everything, and no product of the stand-in's first page has tier prices"
    ),
}

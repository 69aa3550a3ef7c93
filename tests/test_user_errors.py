"""What of Commerce's words reaches a shopper: plain text of a bounded length, and never those of a program."""

from __future__ import annotations

import httpx2
import orjson
import pytest
import structlog

from app.storefront.cart import LineProblem
from app.storefront.user_errors import MAX_MESSAGE, REFUSED, UNKNOWN, Mendable, UserError, shown, user_error
from tests.test_cart import ADD, UNSAFE, shopping
from tests.test_checkout import PLACE, SET_EMAIL, get_ready

TECHNICAL = "SQLSTATE[HY000]: General error, query was: UPDATE quote SET items_count = 1"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("This product is out of stock.", "This product is out of stock."),
        ('<a href="https://shop.test/x">The coupon</a> isn&#39;t valid.', "The coupon isn't valid."),
        ("Only 3 &lt; 4 left,\n  &amp; no more", "Only 3 < 4 left, & no more"),
        ("sold out<script>alert(1)</script>", "sold out"),
        ("sold out &lt;script&gt;alert(1)&lt;/script&gt;", "sold out"),
        ("sold out &amp;amp;lt;img src=x onerror=alert(1)&amp;amp;gt;", "sold out"),
        ('the SKU "<img src=x onerror=alert(1)>"', 'the SKU ""'),
        ("x" * MAX_MESSAGE, "x" * MAX_MESSAGE),
        ("x" * 256, "x" * 254 + "…"),
        ("x" * 10_000_000, "x" * 254 + "…"),
        ("", ""),
    ],
)
def test_a_message_is_plain_text_of_a_bounded_length(message: str, text: str) -> None:
    assert shown(message) == text
    assert UserError(code="OUT_OF_STOCK", message=message, path=[]).message == text
    assert user_error(Mendable("OUT_OF_STOCK", message)).message == text
    # What reaches a shopper by a query is the error itself.
    assert Mendable("OUT_OF_STOCK", message).public == text
    assert LineProblem.of({"message": f"is required {message}"}).message == shown(f"is required {message}")


def test_a_reason_without_a_code_is_told_in_the_words_of_the_shop() -> None:
    words = "Pro Monat sind <b>zwei</b> erlaubt."
    error = user_error(Mendable(UNKNOWN, words, ("lines",)))
    assert (error.code, error.message, error.path) == ("REJECTED", "Pro Monat sind zwei erlaubt.", ["lines"])


@pytest.mark.parametrize(
    "message",
    [
        TECHNICAL,
        "Unable to place order: Class Magento\\Sales\\Model\\Order does not exist",
        "Call to a member function getId() on null in /var/www/html/vendor/acme/Plugin.php:12",
        "Uncaught TypeError: Acme_Quote::collect() must not be null",
        "Zend_Db_Statement_Exception",
    ],
)
def test_the_words_of_a_program_are_told_to_nobody_whatever_the_code(message: str) -> None:
    with structlog.testing.capture_logs() as logs:
        assert user_error(Mendable("EMAIL_INVALID", message)).message == REFUSED
    assert [(line["event"], line["detail"]) for line in logs] == [("commerce.technical_refusal", message)]
    assert LineProblem.of({"message": message}).message == REFUSED


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"code": "ITEM_QTY", "message": "Die angeforderte Menge ist nicht verfügbar"}, "QUANTITY_UNAVAILABLE"),
        ({"code": "ITEM_INCREMENTS", "message": "Nur in Sechserschritten"}, "QUANTITY_INVALID"),
        ({"code": "ITEM_QTY", "message": "This product is out of stock."}, "OUT_OF_STOCK"),
    ],
)
def test_what_is_wrong_with_a_line_is_told_in_the_language_of_the_store(told: dict[str, str], code: str) -> None:
    problem = LineProblem.of(told)
    assert (problem.code, problem.message) == (code, told["message"])


class Saying(httpx2.AsyncBaseTransport):
    """A Commerce that, once it has these words, refuses every mutation with them and finds every line wrong."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner
        self.message = ""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        query = orjson.loads(request.content)["query"] if request.url.path == "/graphql" else ""
        if self.message and query.startswith("mutation"):
            root = query.split()[query.split().index("{") + 1].partition("(")[0]
            error = {"message": self.message, "path": [root], "extensions": {"category": "graphql-input"}}
            return httpx2.Response(200, json={"errors": [error], "data": {root: None}})
        response = await self._inner.handle_async_request(request)
        if self.message and query.startswith("query Cart("):
            body = orjson.loads(await response.aread())
            for item in body["data"]["cart"]["items"]:
                item["errors"] = [{"code": "UNDEFINED", "message": self.message}]
            return httpx2.Response(200, json=body)
        return response


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (TECHNICAL, {"message": REFUSED}),
        ("<b>The coupon</b> is no e-mail &amp; no email", {"code": "COUPON_INVALID", "message": "The coupon is no e-mail & no email"}),
    ],
)  # fmt: skip
async def test_no_mutation_and_no_line_repeats_what_commerce_says(message: str, error: dict[str, str]) -> None:
    way: list[Saying] = []

    def lead(inner: httpx2.AsyncBaseTransport) -> Saying:
        way.append(Saying(inner))
        return way[0]

    async with shopping(way=lead) as api:
        await get_ready(api)
        way[0].message = message
        texts = []
        for mutation, variables in (
            (ADD, {"lines": [{"sku": "TT-C01"}]}),
            (SET_EMAIL, {"email": "jane@example.com"}),
            (PLACE, {"key": "refused-in-words", "agreements": ["1"]}),
        ):
            answer = await api.post(mutation, UNSAFE, **variables)
            [payload] = answer.json()["data"].values()
            assert [{name: each[name] for name in error} for each in payload["userErrors"]] == [error]
            texts.append(answer.text)
        looked = await api.post("{ cart { lines { problems { code message } } } }")
        [line] = looked.json()["data"]["cart"]["lines"]
        assert [{name: each[name] for name in error} for each in line["problems"]] == [error]
        texts.append(looked.text)
        assert not any("SQLSTATE" in text or "<b>" in text for text in texts)

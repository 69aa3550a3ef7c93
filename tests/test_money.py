"""Amounts of money are exact."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.money import digits, exact


@pytest.mark.parametrize(
    ("currency", "count"),
    [
        ("USD", 2),
        ("EUR", 2),
        ("JPY", 0),
        ("KRW", 0),
        ("ISK", 0),
        ("UGX", 0),
        ("KWD", 3),
        ("TND", 3),
        ("CLF", 4),
        ("XYZ", 2),
    ],
)
def test_a_currency_has_the_digits_of_iso_4217(currency: str, count: int) -> None:
    assert digits(currency) == count


@pytest.mark.parametrize(
    ("value", "currency", "amount"),
    [
        (20.49, "USD", "20.49"),
        (45, "USD", "45.00"),
        (0, "USD", "0.00"),
        (0.1 + 0.2, "USD", "0.30"),
        (1.005, "USD", "1.01"),
        (2.675, "USD", "2.68"),
        (-1.005, "USD", "-1.01"),
        (8.999999999999998, "USD", "9.00"),
        (19.9, "USD", "19.90"),
        ("20.4900", "USD", "20.49"),
        ("1e2", "USD", "100.00"),
        (1e2, "EUR", "100.00"),
        (1e-07, "EUR", "0.00"),
        (1234567.89, "EUR", "1234567.89"),
        (9999999999999.99, "EUR", "9999999999999.99"),
        (1999, "JPY", "1999"),
        (1999.5, "JPY", "2000"),
        (1999.4999, "JPY", "1999"),
        (1.2345, "KWD", "1.235"),
        (1.5, "BHD", "1.500"),
        (0.00005, "CLF", "0.0001"),
    ],
)
def test_an_amount_is_exact_in_its_currencys_digits(value: float | str, currency: str, amount: str) -> None:
    assert str(exact(value, currency)) == amount


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        float("-inf"),
        "NaN",
        "sNaN",
        "Infinity",
        "",
        "twelve",
        "1,50",
        "12 EUR",
        "0x10",
        10**60,
    ],
)
def test_what_is_no_finite_amount_is_refused(value: float | str) -> None:
    with pytest.raises(ValueError, match="no amount"):
        exact(value, "USD")


@given(st.integers(-(10**13), 10**13))
def test_a_float_of_any_number_of_cents_is_exactly_those_cents(cents: int) -> None:
    amount = exact(cents / 100, "USD")
    assert amount == Decimal(cents) / 100
    assert amount.as_tuple().exponent == -2


@given(st.integers(-(10**12), 10**12), st.sampled_from([("JPY", 0), ("USD", 2), ("KWD", 3), ("CLF", 4)]))
def test_minor_units_survive_the_way_through_a_json_number(units: int, currency: tuple[str, int]) -> None:
    code, places = currency
    assert exact(units / 10**places, code) == Decimal(units).scaleb(-places)
    assert exact(str(Decimal(units).scaleb(-places)), code) == Decimal(units).scaleb(-places)


@given(st.floats())
def test_any_float_is_an_amount_or_refused(value: float) -> None:
    try:
        amount = exact(value, "EUR")
    except ValueError:
        return
    assert amount.is_finite()
    assert abs(amount - Decimal(str(value))) <= Decimal("0.005")

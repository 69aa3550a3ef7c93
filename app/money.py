"""Amounts of money: exact decimals in a currency's own number of digits."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache

# ISO 4217: the currencies whose minor unit is not a hundredth.
_NO_DIGITS = (
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "UYI",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
)
_DIGITS = {
    **dict.fromkeys(_NO_DIGITS, 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def digits(currency: str) -> int:
    """How many digits of an amount in this currency stand behind the point (ISO 4217)."""
    return _DIGITS.get(currency, 2)


# A page repeats its prices: lowest, highest, regular and final are often one. By type too, for True is no 1 here.
@lru_cache(maxsize=4096, typed=True)
def exact(value: int | float | str, currency: str) -> Decimal:
    """An upstream's JSON number as the exact amount that it stands for, rounded half up to the minor unit.

    A float is read by its shortest decimal form, so 20.49 is 20.49. Raises `ValueError` for what is no finite number.
    """
    try:
        amount = Decimal(str(value))
        if not amount.is_finite():
            raise ValueError(f"{value!r} is no amount")
        rounded = amount.quantize(Decimal(1).scaleb(-digits(currency)), ROUND_HALF_UP)
        # 0.0 and -0.0 are one to whatever keeps what was asked; an amount of nothing has no sign.
        return rounded or abs(rounded)
    except InvalidOperation:
        raise ValueError(f"{value!r} is no amount") from None

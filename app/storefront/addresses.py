"""Addresses of orders, as they are shown and as they are given."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import strawberry

from app.errors import BadInput
from app.storefront.common import Node, described
from app.storefront.context import Context
from app.storefront.store import Country, Region, countries_of
from app.storefront.user_errors import UserError

MAX_TEXT = 255
# What Commerce calls the fields of an address, in messages of any language, and what we call them.
_NAMES = {
    "firstname": "firstName",
    "lastname": "lastName",
    "company": "company",
    "street": "street",
    "city": "city",
    "postcode": "postcode",
    "telephone": "telephone",
    "region": "region",
    "regionId": "region",
    "region_id": "region",
    "countryId": "country",
    "country_id": "country",
    "country_code": "country",
}
_QUOTED = re.compile(rf"[\"“”„«»'](?P<name>{'|'.join(_NAMES)})[\"“”„«»']")
# Words that mean nothing else count unquoted, too: "Invalid value of … provided for the regionId field."
_BARE = re.compile(r"\b(?:regionId|region_id|countryId|country_id|country_code)\b")
# Of an address book's address Commerce says all that is missing at once (cust-022).
_MISSING = re.compile(r"parameters are missing: (?P<names>[\w, ]+)")
# Messages that name no field so, but say by their English words which it is.
_WORDED = ((r"^country\b", "country"), (r"\bregion\b", "region"), (r"\bstreet address\b", "street"))


class UnknownCountry(BadInput):
    """The shop does not sell to this country."""

    code = "COUNTRY_INVALID"


class UnknownRegion(BadInput):
    """The country has no such region, or several."""

    code = "REGION_INVALID"


class FieldRequired(BadInput):
    """An address in this country needs the field."""

    code = "FIELD_REQUIRED"


@strawberry.type(description="An address.")
class Address:
    first_name: str = described("The first name.")
    last_name: str = described("The last name.")
    company: str | None = described("The company.")
    street: list[str] = described("Street and number, in one or several lines.")
    city: str = described("The city.")
    region_code: str | None = described("The region's code, such as TX.")
    region: str | None = described("The region's name.")
    postcode: str | None = described("The postal code.")
    country: str = described("The country's code of two letters.")
    telephone: str | None = described("The telephone number.")
    pickup_location: str | None = described("The code of the place where the order is picked up, if it is one.")

    @classmethod
    def of(cls, node: Node | None) -> Address | None:
        """From one of Commerce's cart addresses; None where there is none or an empty one."""
        if not node or not node.get("lastname"):
            return None
        region = node.get("region") or {}
        return cls(
            first_name=node.get("firstname") or "",
            last_name=node.get("lastname") or "",
            company=node.get("company") or None,
            street=[str(line) for line in node.get("street") or () if line],
            city=node.get("city") or "",
            region_code=region.get("code") or None,
            region=region.get("label") or None,
            postcode=node.get("postcode") or None,
            country=(node.get("country") or {}).get("code") or "",
            telephone=node.get("telephone") or None,
            pickup_location=node.get("pickup_location_code") or None,
        )

    @classmethod
    def of_order(cls, node: Node | None) -> Address | None:
        """From one of Commerce's order addresses; None where there is none."""
        if not node:
            return None
        region = {"label": node.get("region"), "code": node.get("region_code")}
        return cls.of({**node, "region": region, "country": {"code": node.get("country_code")}})


@strawberry.input(description="An address; what a country needs is told by `countries`.")
class AddressInput:
    first_name: str = described("The first name.")
    last_name: str = described("The last name.")
    street: list[str] = described("Street and number, in one or several lines.")
    city: str = described("The city.")
    country: str = described("The country's code of two letters.")
    postcode: str | None = described("The postal code.", default=None)
    region: str | None = described("The region's code or name.", default=None)
    region_id: int | None = described("The region's identifier, where `countries` lists regions.", default=None)
    telephone: str | None = described("The telephone number.", default=None)
    company: str | None = described("The company.", default=None)


@dataclass(frozen=True, slots=True)
class Place:
    """A country that the shop sells to, and a region: one of its list, or `written` where it has none."""

    country: Country
    region: Region | None = None
    written: str | None = None


async def place_of(
    context: Context, country: str, region: str | None = None, region_id: int | None = None, *, within: str = ""
) -> Place:
    """The place that a caller means by a country's code and a region's code, name or id; no region is none.

    `within` is where the arguments are, such as `address.`. Raises `UnknownCountry`, `UnknownRegion`, another
    `BadInput`, or an `UpstreamError` when the countries cannot be read.
    """
    check_length(f"{within}country", country)
    check_length(f"{within}region", region)
    code, written = country.strip().upper(), (region or "").strip()
    found = next((each for each in await countries_of(context, {"regions"}) if each.code == code), None)
    if found is None:
        raise UnknownCountry(f"{within}country", "is none that the shop sells to")
    # To Commerce zero is no region either.
    if region_id:
        return Place(found, _numbered(found.regions, region_id, written, within))
    if not written or not found.regions:
        return Place(found, written=written or None)
    # A code comes before a name: Commerce itself knows only codes.
    named = [each for each in found.regions if _same(each.code, written)]
    named = named or [each for each in found.regions if _same(each.name, written)]
    if not named:
        raise UnknownRegion(f"{within}region", "is no region of this country")
    if len(named) > 1:
        raise UnknownRegion(f"{within}region", "is more than one region of this country; name it or give its regionId")
    return Place(found, named[0])


def _numbered(regions: list[Region], number: int, written: str, within: str) -> Region:
    found = next((each for each in regions if each.id == number), None)
    if found is None:
        raise UnknownRegion(f"{within}regionId", "is no region of this country")
    if written and not _same(found.code, written) and not _same(found.name, written):
        raise UnknownRegion(f"{within}region", "is another region than that of regionId")
    return found


def _same(one: str, other: str) -> bool:
    return _folded(one) == _folded(other)


def _folded(text: str) -> str:
    """A text without its case, the ways to write one letter, and what blanks it has."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())


def check_length(argument: str, text: str | None) -> None:
    """Raises `BadInput` for a text that no field of an address has room for."""
    if text and len(text) > MAX_TEXT:
        raise BadInput(argument, f"must not have more than {MAX_TEXT} characters")


async def commerce_address(context: Context, given: AddressInput, argument: str) -> dict[str, object]:
    """Commerce's `CartAddressInput`, with the region by its code and id where the country has a list of them.

    Raises what `place_of` does, and a `BadInput` for what no country takes; the rest Commerce itself judges.
    """
    required = {
        "firstName": given.first_name,
        "lastName": given.last_name,
        "city": given.city,
        "country": given.country,
        "street": "".join(given.street),
    }
    for name, value in required.items():
        if not value.strip():
            raise BadInput(f"{argument}.{name}", "must not be empty")
    optional = {"postcode": given.postcode, "telephone": given.telephone, "company": given.company}
    for name, text in {**required, **optional}.items():
        check_length(f"{argument}.{name}", text)
    place = await place_of(context, given.country, given.region, given.region_id, within=f"{argument}.")
    if place.country.region_required and not place.region and not place.written:
        raise FieldRequired(f"{argument}.region", "is needed in this country")
    address: dict[str, object] = {
        "firstname": given.first_name.strip(),
        "lastname": given.last_name.strip(),
        "street": [line.strip() for line in given.street if line.strip()],
        "city": given.city.strip(),
        "country_code": place.country.code,
        "save_in_address_book": False,
        # Required from 2.4.9 on, where an empty one is judged by the shop's own configuration.
        "telephone": (given.telephone or "").strip(),
    }
    # Commerce looks a region up by its code only, and one of digits it takes for an id: both leave no doubt.
    region = place.region.code if place.region else place.written
    others = {"postcode": given.postcode, "region": region, "company": given.company}
    address.update({name: value.strip() for name, value in others.items() if value})
    if place.region:
        address["region_id"] = place.region.id
    return address


def at_fields(errors: Iterable[UserError], given: AddressInput, argument: str) -> list[UserError]:
    """Commerce's errors of an address, each at the field that it names; one that names several becomes several."""
    return [
        found
        for error in errors
        for found in (_at_fields(error, given, argument) if error.path == [argument] else [error])
    ]


def _at_fields(error: UserError, given: AddressInput, argument: str) -> list[UserError]:
    message = error.message
    if missing := _MISSING.search(message):
        names = dict.fromkeys(_NAMES[each] for each in re.findall(r"\w+", missing["names"]) if each in _NAMES)
        return [UserError(code="FIELD_REQUIRED", message=message, path=[argument, name]) for name in names] or [error]
    quoted = [(found.start(), _NAMES[found["name"]]) for found in _QUOTED.finditer(message)]
    if quoted and quoted[0][0] == 0:
        # Such as: "city" is required. Enter and try again. "telephone" is required. Enter and try again.
        ends = [*(start for start, _ in quoted[1:]), len(message)]
        parts = [(message[start:end].strip(), name) for (start, name), end in zip(quoted, ends, strict=True)]
    else:
        bare = [_NAMES[found] for found in _BARE.findall(message)]
        worded = [name for words, name in _WORDED if re.search(words, message, re.IGNORECASE)]
        named = [name for _, name in quoted] + bare or worded[:1]
        parts = [(message, name) for name in dict.fromkeys(named)]
    return [_at_field(part, name, given, argument) for part, name in parts] or [error]


def _at_field(message: str, name: str, given: AddressInput, argument: str) -> UserError:
    values = {
        "firstName": given.first_name,
        "lastName": given.last_name,
        "company": given.company,
        "street": given.street,
        "city": given.city,
        "postcode": given.postcode,
        "telephone": given.telephone,
        "region": given.region or given.region_id,
        "country": given.country,
    }
    invalid = {"country": "COUNTRY_INVALID", "region": "REGION_INVALID"}.get(name, "ADDRESS_INVALID")
    # In a language other than English only the empty field itself tells that it is what Commerce misses.
    required = not values[name] or "is required" in message
    return UserError(code="FIELD_REQUIRED" if required else invalid, message=message, path=[argument, name])

"""Addresses of orders, as they are shown and as they are given."""

from __future__ import annotations

import strawberry

from app.errors import BadInput
from app.storefront.common import Node, described

MAX_TEXT = 255


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


def commerce_address(given: AddressInput, argument: str) -> dict[str, object]:
    """Commerce's `CartAddressInput`. Raises `BadInput` for what no country takes; the rest Commerce itself judges."""
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
    texts = [*required.values(), given.postcode, given.region, given.telephone, given.company]
    if any(len(text) > MAX_TEXT for text in texts if text):
        raise BadInput(argument, f"must not have a text of more than {MAX_TEXT} characters")
    address: dict[str, object] = {
        "firstname": given.first_name.strip(),
        "lastname": given.last_name.strip(),
        "street": [line.strip() for line in given.street if line.strip()],
        "city": given.city.strip(),
        "country_code": given.country.strip().upper(),
        "save_in_address_book": False,
        # Required from 2.4.9 on, where an empty one is judged by the shop's own configuration.
        "telephone": (given.telephone or "").strip(),
    }
    optional = {"postcode": given.postcode, "region": given.region, "company": given.company}
    address.update({name: value.strip() for name, value in optional.items() if value})
    if given.region_id is not None:
        address["region_id"] = given.region_id
    return address

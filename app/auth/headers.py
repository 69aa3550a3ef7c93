"""Headers read so that one sent twice cannot hide behind the first."""

from collections.abc import Mapping


def values(headers: Mapping[str, str], name: str) -> list[str]:
    """Every value that a header was sent with; `name` in small letters. Starlette's `get` gives the first only."""
    return [value for key, value in headers.items() if key.lower() == name]

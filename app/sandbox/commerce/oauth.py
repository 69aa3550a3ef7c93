"""OAuth 1.0a as Magento checks it (Framework/Oauth): HMAC-SHA256 only, a fresh timestamp, a nonce used once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from urllib.parse import parse_qsl, quote, unquote

from .errors import RestError
from .model import Integration
from .shop import Shop

# Magento refuses timestamps this far in the future; the stand-in also those this far in the past.
TIME_DEVIATION = 600
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_REQUIRED = ("consumer_key", "signature", "signature_method", "nonce", "timestamp", "token")


def verify(shop: Shop, used: set[tuple[int, str]], header: str, method: str, url: str, query: str) -> Integration:
    """The integration that signed a request. `used` holds the nonces seen and gets this one added.

    `url` is the request's without its query. Raises RestError: 400 for what is missing or not supported, 401 for a
    signature that is wrong.
    """
    given = {name: unquote(value) for name, value in _PARAMETER.findall(header)}
    for name in _REQUIRED:
        if f"oauth_{name}" not in given:
            raise RestError(400, '"%fieldName" is required. Enter and try again.', {"fieldName": f"oauth_{name}"})
    if given["oauth_signature_method"] != "HMAC-SHA256":
        raise RestError(400, "Signature method %1 is not supported", {"1": given["oauth_signature_method"]})
    found = next((i for i in shop.integrations if i.consumer_key == given["oauth_consumer_key"]), None)
    if found is None:
        raise RestError(401, "A consumer having the specified key does not exist")
    stamp = given["oauth_timestamp"]
    if not stamp.isdigit() or abs(int(stamp) - shop.now()) > TIME_DEVIATION:
        raise RestError(401, "Incorrect timestamp value in the oauth_timestamp parameter")
    if (found.id, given["oauth_nonce"]) in used:
        raise RestError(401, "The nonce is already being used by the consumer with ID %1", {"1": found.id})
    used.add((found.id, given["oauth_nonce"]))
    if given["oauth_token"] != found.access_token:
        raise RestError(401, "Specified token does not exist")
    signed = sign(found, {k: v for k, v in given.items() if k not in ("oauth_signature", "realm")}, method, url, query)
    if not hmac.compare_digest(signed, given["oauth_signature"]):
        raise RestError(401, "The signature is invalid. Verify and try again.")
    return found


def sign(integration: Integration, parameters: dict[str, str], method: str, url: str, query: str) -> str:
    """The signature of a request by RFC 5849, with HMAC-SHA256."""
    pairs = [*parameters.items(), *parse_qsl(query, keep_blank_values=True)]
    encoded = sorted((_escape(name), _escape(value)) for name, value in pairs)
    normalised = "&".join(f"{name}={value}" for name, value in encoded)
    base = "&".join((method.upper(), _escape(url), _escape(normalised)))
    key = f"{_escape(integration.consumer_secret)}&{_escape(integration.access_token_secret)}"
    return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()).decode()


def _escape(text: str) -> str:
    return quote(text, safe="~")

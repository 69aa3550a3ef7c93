"""The part of Commerce's REST interface that reads a shop's setup, as in rest-000 to rest-078."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import orjson
import pyotp

from . import oauth, rest_catalog, rest_customers, rest_sales
from .accounts import SIGN_IN_FAILED
from .errors import RestError
from .index import Index
from .model import Attribute, Category, CustomerGroup, Store, say
from .projection import fields, projected
from .shop import Shop
from .stores import config, currency_of

ADMIN_STORE = {"id": 0, "code": "admin", "name": "Admin", "website_id": 0, "store_group_id": 0, "is_active": 1}
MODULES = ["Magento_Store", "Magento_Directory", "Magento_Eav", "Magento_Customer", "Magento_Cms", "Magento_Catalog"]
MODULES += ["Magento_CatalogInventory", "Magento_ConfigurableProduct", "Magento_Bundle", "Magento_GroupedProduct"]
MODULES += ["Magento_Downloadable", "Magento_Review", "Magento_Integration", "Magento_GraphQl", "Magento_StoreGraphQl"]
MODULES += ["Magento_CatalogGraphQl", "Magento_CmsGraphQl", "Magento_UrlRewriteGraphQl", "Magento_TwoFactorAuth"]


@dataclass(slots=True)
class Request:
    """A REST call as its handler sees it."""

    shop: Shop
    index: Index
    store: Store
    public_url: str
    query: dict[str, list[str]]
    body: Any
    admin_tokens: set[str]
    parts: dict[str, str]
    version: tuple[int, ...]
    authorization: str

    def field(self, name: str) -> Any:
        value = self.body.get(name) if isinstance(self.body, dict) else None
        if value is None:
            raise RestError(400, '"%fieldName" is required. Enter and try again.', {"fieldName": name})
        return value

    def number(self, name: str) -> int | None:
        value = self.query.get(name, [""])[0]
        return int(value) if value.isdigit() else None


def store_views(request: Request) -> Any:
    views = [
        {
            "id": store.id,
            "code": store.code,
            "name": store.name,
            "website_id": request.shop.website_of(store).id,
            "store_group_id": store.group,
            "is_active": 1,
        }
        for store in request.shop.stores
    ]
    return [views[0], ADMIN_STORE, *views[1:]]


def websites(request: Request) -> Any:
    admin = {"id": 0, "code": "admin", "name": "Admin", "default_group_id": 0}
    known = [
        {"id": w.id, "code": w.code, "name": w.name, "default_group_id": w.default_group} for w in request.shop.websites
    ]
    return [admin, *known]


def store_groups(request: Request) -> Any:
    admin = {
        "id": 0,
        "website_id": 0,
        "root_category_id": 0,
        "default_store_id": 0,
        "name": "Default",
        "code": "default",
    }
    known = [
        {
            "id": group.id,
            "website_id": group.website,
            "root_category_id": group.root_category,
            "default_store_id": group.default_store,
            "name": group.name,
            "code": group.code,
        }
        for group in request.shop.groups
    ]
    return [admin, *known]


CONFIG_KEYS = ["id", "code", "website_id", "locale", "base_currency_code", "default_display_currency_code", "timezone"]
CONFIG_KEYS += ["weight_unit", "base_url", "base_link_url", "base_static_url", "base_media_url"]
CONFIG_KEYS += ["secure_base_url", "secure_base_link_url", "secure_base_static_url", "secure_base_media_url"]


def store_configs(request: Request) -> Any:
    wanted = request.query.get("storeCodes[]") or [store.code for store in request.shop.stores]
    found = [config(request.shop, s, request.public_url) for s in request.shop.stores if s.code in wanted]
    return [{key: one[key] for key in CONFIG_KEYS} for one in found]


def currency(request: Request) -> Any:
    return currency_of(request.shop, request.store)


def modules(request: Request) -> Any:
    size = request.number("searchCriteria[pageSize]")
    return MODULES[: size or None]


def _group(entity: int, code: str) -> dict[str, Any]:
    return {"id": entity, "code": code, "tax_class_id": 3, "tax_class_name": "Retail Customer"}


def _list(items: list[Any], request: Request) -> dict[str, Any]:
    size = request.number("searchCriteria[pageSize]")
    criteria = {"filter_groups": [], **({"page_size": size} if size else {})}
    return {"items": items[: size or None], "search_criteria": criteria, "total_count": len(items)}


def customer_groups(request: Request) -> Any:
    return _list([_group(group.id, group.code) for group in request.shop.customer_groups], request)


def default_group(request: Request) -> Any:
    return next(_group(group.id, group.code) for group in request.shop.customer_groups if group.id == 1)


def create_group(request: Request) -> Any:
    given = request.field("group")
    entity = max(group.id for group in request.shop.customer_groups) + 1
    request.shop.customer_groups.append(CustomerGroup(entity, given["code"]))
    return _group(entity, given["code"])


def save_product(request: Request) -> Any:
    """Only the check of the body (rest-059): nothing writes products over REST yet."""
    request.field("product")
    raise RestError(404, "Request does not match any route.")


def sources(request: Request) -> Any:
    source = {
        "source_code": "default",
        "name": "Default Source",
        "enabled": True,
        "description": "Default Source",
        "latitude": 0,
        "longitude": 0,
        "country_id": "US",
        "postcode": "00000",
        "use_default_carrier_config": True,
        "carrier_links": [],
        "extension_attributes": {"is_pickup_location_active": False, "frontend_name": ""},
    }
    places = [
        {
            **source,
            "source_code": place.code,
            "name": place.name,
            "description": place.description,
            "latitude": place.latitude,
            "longitude": place.longitude,
            "country_id": place.country,
            "postcode": place.postcode,
            "extension_attributes": {"is_pickup_location_active": True, "frontend_name": place.name},
        }
        for place in request.shop.sales.pickups
    ]
    return _list([source, *places], request)


def categories(request: Request) -> Any:
    """The tree below the store's root, as deep as `depth` says (rest-051: the root is level 0)."""
    root = request.shop.categories[request.shop.group_of(request.store).root_category]
    depth = request.number("depth")
    website = request.shop.website_of(request.store).id

    def branch(category: Category, left: int | None) -> dict[str, Any]:
        below = category.children if left is None or left > 0 else ()
        listed = request.index.listed(website, None if category is root else category.id)
        return {
            "id": category.id,
            "parent_id": category.parent,
            "name": say(category.name, request.store.code),
            "is_active": True,
            "position": category.position,
            "level": category.level,
            "product_count": len(listed),
            "children_data": [
                branch(request.shop.categories[entity], None if left is None else left - 1) for entity in below
            ],
        }

    return branch(root, depth)


def attribute(request: Request) -> Any:
    code = request.parts["code"]
    found = request.shop.attribute(code)
    if found is None:
        message = 'The attribute with a "%1" attributeCode doesn\'t exist. Verify the attribute and try again.'
        raise RestError(404, message, {"1": code})
    return _attribute(found, request.store.code)


def _attribute(found: Attribute, store: str) -> dict[str, Any]:
    options = [{"label": say(option.label, store), "value": str(option.id)} for option in found.options]
    return {
        "extension_attributes": {"is_pagebuilder_enabled": False},
        "is_used_in_grid": True,
        "is_visible_in_grid": False,
        "is_filterable_in_grid": True,
        "is_visible_in_advanced_search": "0",
        "is_comparable": "0",
        "is_used_for_promo_rules": "1",
        "is_wysiwyg_enabled": False,
        "is_html_allowed_on_front": True,
        "used_for_sort_by": False,
        "is_filterable": found.filterable,
        "is_filterable_in_search": found.filterable,
        "position": 0,
        "apply_to": ["simple", "virtual", "configurable"],
        "is_searchable": "1",
        "is_visible_on_front": "0",
        "used_in_product_listing": "1",
        "is_visible": True,
        "scope": "global",
        "attribute_id": found.id,
        "attribute_code": found.code,
        "frontend_input": found.input,
        "entity_type_id": "4",
        "is_required": False,
        "options": [{"label": " ", "value": ""}, *options] if options else [],
        "is_user_defined": True,
        "default_frontend_label": say(found.label, ""),
        "frontend_labels": [],
        "backend_type": {"select": "int", "boolean": "int"}.get(found.input, "varchar"),
        "default_value": None,
        "source_model": "Magento\\Eav\\Model\\Entity\\Attribute\\Source\\Table",
        "is_unique": "0",
        "validation_rules": [],
    }


def _admin(request: Request) -> Any:
    username, password = request.field("username"), request.field("password")
    found = next((a for a in request.shop.admins if a.username == username and a.password == password), None)
    if found is None:
        raise RestError(401, SIGN_IN_FAILED)
    return found


def _admin_token(request: Request) -> str:
    token = request.shop.token("admin")
    request.admin_tokens.add(token)
    return token


def admin_token(request: Request) -> Any:
    """A token of an admin user; with two-factor on, only the provider's endpoint gives one (TwoFactorAuth module)."""
    _admin(request)
    if request.shop.two_factor:
        message = "Please use the 2fa provider-specific endpoints to obtain a token."
        raise RestError(400, message, {"active_providers": ["google"]})
    return _admin_token(request)


def google_authenticate(request: Request) -> Any:
    found = _admin(request)
    if not pyotp.TOTP(found.otp_secret).verify(str(request.field("otp")), valid_window=1):
        raise RestError(401, "Invalid code.")
    return _admin_token(request)


def customer_token(request: Request) -> Any:
    username, password = request.field("username"), request.field("password")
    found = request.shop.customer(str(username), request.shop.website_of(request.store).id)
    if found is None or not found.password or found.password != password:
        raise RestError(401, SIGN_IN_FAILED)
    return request.shop.customer_tokens.issue(found.id)


# Method, path below /V1/, handler, and the permission it needs (None: anybody may).
ROUTES: list[tuple[str, re.Pattern[str], Callable[[Request], Any], str | None]] = [
    (method, re.compile(path), handler, resource)
    for method, path, handler, resource in (
        ("GET", "store/storeViews", store_views, "Magento_Backend::store"),
        ("GET", "store/websites", websites, "Magento_Backend::store"),
        ("GET", "store/storeGroups", store_groups, "Magento_Backend::store"),
        ("GET", "store/storeConfigs", store_configs, "Magento_Backend::store"),
        ("GET", "modules", modules, "Magento_Backend::admin"),
        ("GET", "directory/currency", currency, None),
        ("GET", r"products/attributes/(?P<code>\w+)", attribute, "Magento_Catalog::attributes_attributes"),
        ("GET", "customerGroups/search", customer_groups, "Magento_Customer::group"),
        ("GET", "customerGroups/default", default_group, "Magento_Customer::group"),
        ("GET", "inventory/sources", sources, "Magento_InventoryApi::source"),
        ("GET", "categories", categories, "Magento_Catalog::categories"),
        ("POST", "customerGroups", create_group, "Magento_Customer::group"),
        ("POST", "products", save_product, "Magento_Catalog::products"),
        ("POST", "integration/admin/token", admin_token, None),
        ("POST", "tfa/provider/google/authenticate", google_authenticate, None),
        ("POST", "integration/customer/token", customer_token, None),
        *rest_catalog.ROUTES,
        *rest_customers.ROUTES,
        *rest_sales.ROUTES,
    )
]


class Rest:
    """Answers REST calls and remembers the tokens it gave out."""

    def __init__(self, shop: Shop, index: Index, public_url: str, version: str) -> None:
        self.shop = shop
        self.index = index
        self.public_url = public_url
        self.version = tuple(map(int, version.split(".")))
        self.admin_tokens: set[str] = set()
        self._nonces: set[tuple[int, str]] = set()

    def answer(self, method: str, url: str, path: str, query: str, authorization: str, raw: bytes) -> tuple[int, Any]:
        """Status and body for a call. `url` is the whole address without query, as the caller signed it."""
        try:
            body = self._dispatch(method, url, path, query, authorization, raw)
            wanted = parse_qs(query).get("fields")
            return 200, projected(body, fields(wanted[-1])) if wanted else body
        except RestError as error:
            return error.status, error.body

    def _dispatch(self, method: str, url: str, path: str, query: str, authorization: str, raw: bytes) -> Any:
        parts = path.removeprefix("/rest").strip("/").split("/")
        store = self.shop.store(parts[0]) or (self.shop.stores[0] if parts[0] == "all" else None)
        rest = parts[1:] if store else parts
        if rest[:1] != ["V1"]:
            raise RestError(404, "Request does not match any route.")
        for wanted, pattern, handler, resource in ROUTES:
            match = pattern.fullmatch("/".join(rest[1:])) if wanted == method else None
            if match is None:
                continue
            if resource == rest_customers.SELF:
                # His own resources are a customer's, not an admin's.
                if self._customer(authorization) is None:
                    raise RestError(401, "The consumer isn't authorized to access %resources.", {"resources": "self"})
            elif not self.allowed(authorization, method, url, query) and resource is not None:
                message = "The consumer isn't authorized to access %resources."
                raise RestError(401, message, {"resources": resource})
            request = Request(
                self.shop,
                self.index,
                store or self.shop.stores[0],
                self.public_url,
                parse_qs(query, keep_blank_values=True),
                _json(raw),
                self.admin_tokens,
                match.groupdict(),
                self.version,
                authorization,
            )
            return handler(request)
        raise RestError(404, "Request does not match any route.")

    def _customer(self, authorization: str) -> int | None:
        scheme, _, token = authorization.partition(" ")
        return self.shop.customer_tokens.owner(token) if scheme.lower() == "bearer" else None

    def allowed(self, authorization: str, method: str, url: str, query: str) -> bool:
        """Whether an admin or an integration calls. An integration's token as plain Bearer is refused (rest-000)."""
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return credentials in self.admin_tokens
        if scheme.lower() == "oauth":
            oauth.verify(self.shop, self._nonces, credentials, method, url, query)
            return True
        return False


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw) if raw else None
    except orjson.JSONDecodeError:
        return None

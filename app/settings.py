"""Every setting, validated before anything starts. `.env.example` is tested to list exactly these.

Values come from the environment, or from a file `.env` in the working directory. Durations are seconds.
"""

import re
from functools import cached_property
from ipaddress import ip_network
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import pyotp
from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Codes = Annotated[tuple[str, ...], NoDecode]
Seconds = Annotated[float, Field(gt=0, le=600)]
SHORTEST_SECRET = 24  # characters
EXAMPLE_SECRET = "change-me"  # noqa: S105 - the one value that is refused


def secrets_of(value: SecretStr) -> tuple[str, ...]:
    """The secrets of a setting that has several, separated by commas."""
    return tuple(each.strip() for each in value.get_secret_value().split(",") if each.strip())


class Settings(BaseSettings):
    """The settings of one process; frozen. Raises pydantic's `ValidationError` naming each bad one."""

    model_config = SettingsConfigDict(
        frozen=True, env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    environment: Literal["production", "development", "demo"] = Field(
        "production", description="production refuses what only development and the demo may do, such as memory://"
    )
    public_url: str = Field(
        "http://localhost:8000", description="URL that browsers and apps reach the API by; https but on localhost"
    )
    allowed_origins: str = Field(
        "", description="origins of storefronts in browsers, such as https://shop.example, separated by commas"
    )
    trusted_proxies: Codes = Field(
        (),
        description="addresses and networks of the proxies in front; only they are believed what X-Forwarded-For says",
    )
    listen_host: str = Field("127.0.0.1", description="address to listen on")
    listen_port: int = Field(8000, ge=1, le=65535, description="port to listen on")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least level logged")
    log_format: Literal["json", "console"] = Field("json", description="one JSON object a line, or for people")
    metrics: bool = Field(False, description="serve Prometheus metrics at /metrics; keep it off public networks")

    commerce_url: HttpUrl = Field(description="Commerce's base URL, without /graphql or /rest")
    commerce_stores: Codes = Field(
        (), description="store codes, one per website is enough; needed for several websites without REST access"
    )
    commerce_version: Literal["", "2.4.4", "2.4.6", "2.4.7", "2.4.8", "2.4.9"] = Field(
        "", description="which pinned schema to use where introspection is off; empty: the oldest"
    )
    commerce_timeout: Seconds = Field(10, description="deadline of one read, retries and connecting included")
    commerce_connect_timeout: Seconds = Field(2, description="deadline of connecting")
    commerce_schema_timeout: Seconds = Field(30, description="deadline of reading Commerce's schema")
    commerce_refresh: Annotated[float, Field(ge=5, le=86400)] = Field(
        300, description="how often schema, store views and currencies are read again"
    )
    commerce_connections: int = Field(50, ge=1, le=1000, description="most connections to Commerce per process")
    commerce_attempts: int = Field(2, ge=1, le=5, description="most tries of one read within its deadline")
    commerce_breaker_failures: int = Field(
        10, ge=1, le=1000, description="failures in a row after which Commerce is left alone"
    )
    commerce_breaker_pause: Seconds = Field(5, description="how long it is then left alone")
    commerce_max_response: int = Field(
        16_777_216, ge=65_536, le=268_435_456, description="largest answer read from Commerce, in bytes"
    )
    commerce_max_complexity: int = Field(
        300, ge=100, le=100_000, description="Commerce's own limit of fields in a document; larger ones are split"
    )
    commerce_consumer_key: str = Field("", description="REST as an integration (OAuth 1.0a): consumer key")
    commerce_consumer_secret: SecretStr = Field(SecretStr(""), description="its consumer secret")
    commerce_access_token: str = Field("", description="its access token")
    commerce_access_token_secret: SecretStr = Field(SecretStr(""), description="its access token secret")
    commerce_admin_username: str = Field("", description="or REST as an admin user: user name")
    commerce_admin_password: SecretStr = Field(SecretStr(""), description="the password")
    commerce_admin_totp_secret: SecretStr = Field(
        SecretStr(""), description="the two-factor secret (base32), where two-factor is on"
    )

    commerce_ip_header: str = Field(
        "X-Forwarded-For", description="header that tells Commerce a shopper's address; empty: it is not told"
    )
    commerce_recaptcha: bool = Field(True, description="hand a shopper's X-ReCaptcha header on to Commerce")

    catalog_attributes: Codes = Field(
        (), description="codes of the product attributes to serve; empty: all that Commerce's schema shows"
    )
    catalog_max_page_size: int = Field(100, ge=1, le=300, description="largest pageSize; Commerce's own limit is 300")

    storefront_url: str = Field(
        "", description="URL of the storefront for links; {store} becomes the store code; empty: links start with /"
    )
    media_url: str = Field("", description="URL that replaces Commerce's media URL; empty: Commerce's own is kept")

    redis_state_url: SecretStr = Field(
        SecretStr(""), description="Redis for what must outlive a process; empty: nothing does"
    )
    redis_cache_url: SecretStr = Field(
        SecretStr(""), description="Redis for what Commerce answered, which may evict; empty: nothing is kept"
    )
    redis_timeout: Seconds = Field(1, description="deadline of one call of REDIS_STATE_URL")
    cache_patience: Annotated[float, Field(gt=0, le=5)] = Field(
        0.05, description="how long a read waits for REDIS_CACHE_URL before it goes on without"
    )
    cache_local: int = Field(
        33_554_432, ge=0, le=4_294_967_296, description="most bytes of it that a process keeps for itself"
    )
    cache_prices: Annotated[float, Field(ge=0, le=3600)] = Field(
        60, description="how long what has prices or stock in it is fresh"
    )
    cache_content: Annotated[float, Field(ge=0, le=86400)] = Field(600, description="how long everything else is fresh")
    cache_error: Annotated[float, Field(ge=0, le=345_600)] = Field(
        86_400, description="how long what is no longer fresh still answers while Commerce fails"
    )

    commerce_webhook_secrets: SecretStr = Field(
        SecretStr(""),
        description="secrets of those who tell of changes at /webhooks/commerce, 24 characters or more, by commas",
    )
    commerce_events_client_id: str = Field(
        "", description="client id of the registration whose Adobe I/O Events come to /webhooks/commerce"
    )
    commerce_poll: Annotated[float, Field(ge=0, le=86400)] = Field(
        60, description="how often a worker asks Commerce by REST what has changed; 0: never"
    )
    commerce_sweep: Annotated[float, Field(ge=0, le=604_800)] = Field(
        3600, description="how often a worker looks for what was deleted; 0: never"
    )
    indexer_lag: Annotated[float, Field(ge=0, le=86400)] = Field(
        90, description="how late Commerce's indexers may be; changes are purged again after that"
    )
    embedded_worker: bool = Field(
        False, description="do a worker's jobs in the API's process; for a single process, as the demo is"
    )

    session_keys: SecretStr = Field(
        SecretStr(""),
        description="keys that seal sessions: 32 random bytes in base64 each, separated by commas; the first seals",
    )
    session_idle: Annotated[float, Field(ge=60, le=31_536_000)] = Field(
        604_800, description="how long a session lives unused"
    )
    session_absolute: Annotated[float, Field(ge=60, le=31_536_000)] = Field(
        2_592_000, description="how long a session lives at most"
    )
    oidc_providers: SecretStr = Field(
        SecretStr(""), description="identity providers, as a JSON list; docs/sign-in.md says what is in it"
    )
    oidc_timeout: Seconds = Field(5, description="deadline of one call to an identity provider")
    login_apps: str = Field(
        "", description="URIs that native apps are called back by after a login, separated by commas"
    )
    sso_way: Literal["auto", "rest", "exchange", "admin", "password"] = Field(
        "auto", description="how a signed-in shopper gets Commerce's token; auto: the first way that works"
    )
    logins_per_address: int = Field(
        1000,
        ge=1,
        le=1_000_000,
        description="logins that may be begun in a quarter of an hour, per address of the caller",
    )
    sso_link_attribute: str = Field(
        "", description="code of the customer attribute that says whose customer it is; empty: REDIS_STATE_URL does"
    )
    sso_link_by_email: bool = Field(
        False, description="let a verified e-mail address alone sign somebody in to a customer who is there already"
    )
    sso_create_unverified: bool = Field(
        False, description="make customers for e-mail addresses that the provider has not verified, too"
    )
    sso_groups: Annotated[tuple[tuple[str, int], ...], NoDecode] = Field(
        (), description="customer group of new customers by the provider's word, such as wholesale:2,retail:3"
    )
    step_up: Annotated[tuple[tuple[str, int], ...], NoDecode] = Field(
        (),
        description="mutations that need a sign-in not older than so many seconds, such as customerRemoveAddress:300",
    )
    sso_password_keys: SecretStr = Field(
        SecretStr(""),
        description="for SSO_WAY=password: version:key, 32 random bytes in base64 each, by commas; the first makes",
    )
    sso_patience: Seconds = Field(5, description="how long a sign-in waits for two carts to be merged")
    commerce_max_execution: Annotated[float, Field(ge=1, le=3600)] = Field(
        180, description="how long a request can still run in Commerce after it was given up; orders wait for it"
    )
    offline_payment_methods: Codes = Field(
        ("checkmo", "banktransfer", "cashondelivery", "purchaseorder", "free"),
        description="codes of the payment methods that need no payment provider: checkout offers and takes no others",
    )
    order_patience: Seconds = Field(20, description="how long placing an order may wait for an unknown outcome")
    order_margin: Annotated[float, Field(ge=0.1, le=600)] = Field(
        5, description="how far the clocks of our machines may differ, and an order's request be held up on its way"
    )
    order_lookups: int = Field(
        5,
        ge=1,
        le=1000,
        description="failed look-ups of an order in a quarter of an hour, per number and e-mail address",
    )
    order_lookups_per_address: int = Field(
        30, ge=1, le=100_000, description="failed look-ups of orders in a quarter of an hour, per address of the caller"
    )

    graphiql: bool = Field(False, description="serve GraphiQL at /graphql for browsers")
    introspection: bool = Field(False, description="answer introspection queries")
    graphql_max_depth: int = Field(15, ge=3, le=100, description="deepest nesting of a query")
    graphql_max_fields: int = Field(1000, ge=10, le=100_000, description="most fields of a query, fragments spread")
    graphql_max_aliases: int = Field(30, ge=0, le=10_000, description="most aliases of a query")
    graphql_max_tokens: int = Field(3000, ge=100, le=1_000_000, description="most tokens of a query")
    graphql_max_mutations: int = Field(5, ge=1, le=100, description="most mutations of a request")
    graphql_max_reads: int = Field(20, ge=1, le=1000, description="most reads of Commerce that a query may cost")
    graphql_max_bytes: int = Field(65_536, ge=1024, le=16_777_216, description="largest request body, in bytes")

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _in_small_letters(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator(
        "commerce_stores", "catalog_attributes", "offline_payment_methods", "trusted_proxies", mode="before"
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("sso_groups", "step_up", mode="before")
    @classmethod
    def _are_numbered(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.strip().rpartition(":") for part in value.split(",") if part.strip()]
        if not all(word and number.isdecimal() for word, _, number in pairs):
            raise ValueError("a word, a colon and a number each, separated by commas")
        return tuple((word.strip(), int(number)) for word, _, number in pairs)

    @field_validator("sso_link_attribute")
    @classmethod
    def _is_code(cls, value: str) -> str:
        if value and not re.fullmatch(r"[a-z][a-z0-9_]{0,59}", value):
            raise ValueError("is the code of a customer attribute: small letters, digits and underscores")
        return value

    @field_validator("commerce_stores", "catalog_attributes", "offline_payment_methods")
    @classmethod
    def _are_codes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for code in value:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", code):
                raise ValueError("codes are letters, digits and underscores, separated by commas")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            try:
                ip_network(network)
            except ValueError:
                raise ValueError("addresses and networks such as 10.0.0.0/8, separated by commas") from None
        return value

    @field_validator("commerce_ip_header")
    @classmethod
    def _is_ip_header(cls, value: str) -> str:
        # Others mean something else to Commerce or to what stands before it.
        if value and not re.fullmatch(
            r"(X-(?!ReCaptcha|Magento)[A-Za-z0-9-]+|True-Client-IP|[A-Za-z]+-Client-IP|CF-Connecting-IP)", value
        ):
            raise ValueError("must be a header for addresses, such as X-Forwarded-For")
        return value

    @field_validator("commerce_url")
    @classmethod
    def _has_no_user(cls, value: HttpUrl) -> HttpUrl:
        if value.username or value.password:
            raise ValueError("must not have a user name or password in it")
        return value

    @field_validator("storefront_url", "media_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://", "/")):
            raise ValueError("must start with https://, http:// or /")
        return value.rstrip("/")

    @field_validator("commerce_admin_totp_secret")
    @classmethod
    def _is_totp_secret(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and value.get_secret_value().lower() != EXAMPLE_SECRET:
            try:
                pyotp.TOTP(value.get_secret_value()).byte_secret()
            except ValueError:
                raise ValueError("must be base32 of at least 112 bits") from None
        return value

    @field_validator("commerce_webhook_secrets")
    @classmethod
    def _are_secrets(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value().lower() == EXAMPLE_SECRET:
            return value
        for each in secrets_of(value):
            if len(each) < SHORTEST_SECRET:
                raise ValueError(f"secrets have {SHORTEST_SECRET} characters at least")
        return value

    @field_validator("public_url")
    @classmethod
    def _is_public(cls, value: str) -> str:
        host = urlsplit(value).hostname or ""
        if not value.startswith("https://") and host not in ("localhost", "127.0.0.1"):
            raise ValueError("must be https, or http on localhost")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _refuse_memory(self) -> Self:
        if self.environment == "production":
            for name in ("redis_state_url", "redis_cache_url"):
                if getattr(self, name).get_secret_value().startswith("memory://"):
                    raise ValueError(f"{name.upper()}=memory:// is for development and the demo: one process only")
        if self.redis_state_url.get_secret_value().startswith("redis+cluster://"):
            raise ValueError("REDIS_STATE_URL must be one server or a Sentinel: a cluster parts what belongs together")
        return self

    @model_validator(mode="after")
    def _refuse_example_secrets(self) -> Self:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr) and value.get_secret_value().lower() == EXAMPLE_SECRET:
                raise ValueError(f"{name.upper()} still has the example value")
        return self

    @model_validator(mode="after")
    def _has_a_place_for_changes(self) -> Self:
        told = bool(secrets_of(self.commerce_webhook_secrets)) or bool(self.commerce_events_client_id)
        if told and not (self.redis_cache_url.get_secret_value() and self.redis_state_url.get_secret_value()):
            raise ValueError("who tells of changes needs REDIS_CACHE_URL and REDIS_STATE_URL")
        return self

    @model_validator(mode="after")
    def _has_a_place_for_logins(self) -> Self:
        kept = self.session_keys.get_secret_value() and self.redis_state_url.get_secret_value()
        if self.oidc_providers.get_secret_value() and not kept:
            raise ValueError("OIDC_PROVIDERS needs SESSION_KEYS and REDIS_STATE_URL")
        return self

    @model_validator(mode="after")
    def _whole_credentials(self) -> Self:
        integration = (
            self.commerce_consumer_key,
            self.commerce_consumer_secret.get_secret_value(),
            self.commerce_access_token,
            self.commerce_access_token_secret.get_secret_value(),
        )
        if any(integration) and not all(integration):
            raise ValueError("an integration needs all four of its COMMERCE_CONSUMER_… and COMMERCE_ACCESS_TOKEN…")
        if bool(self.commerce_admin_username) != bool(self.commerce_admin_password.get_secret_value()):
            raise ValueError("an admin user needs COMMERCE_ADMIN_USERNAME and COMMERCE_ADMIN_PASSWORD")
        if self.commerce_admin_totp_secret.get_secret_value() and not self.commerce_admin_username:
            raise ValueError("COMMERCE_ADMIN_TOTP_SECRET needs COMMERCE_ADMIN_USERNAME and COMMERCE_ADMIN_PASSWORD")
        if all(integration) and self.commerce_admin_username:
            raise ValueError("give the integration's credentials or the admin user's, not both")
        return self

    @cached_property
    def commerce_base(self) -> str:
        """Commerce's base URL without a slash at its end."""
        return str(self.commerce_url).rstrip("/")

    @property
    def cached(self) -> bool:
        """Whether public answers are kept."""
        return bool(self.redis_cache_url.get_secret_value())

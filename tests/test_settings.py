"""Settings: the example file lists exactly these, bad ones are named, secrets are never shown."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from pydantic_core import PydanticUndefined

from app.settings import EXAMPLE_SECRET, Settings

EXAMPLE = Path(__file__).parents[1] / ".env.example"
URL = "https://shop.test"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
INTEGRATION = {
    "COMMERCE_CONSUMER_KEY": "key-1",
    "COMMERCE_CONSUMER_SECRET": "s3cr3t-2",
    "COMMERCE_ACCESS_TOKEN": "token-3",
    "COMMERCE_ACCESS_TOKEN_SECRET": "s3cr3t-4",
}
ADMIN = {"COMMERCE_ADMIN_USERNAME": "admin", "COMMERCE_ADMIN_PASSWORD": "s3cr3t-5"}
SECRETS = [name for name, field in Settings.model_fields.items() if field.annotation is SecretStr]


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine, and no .env of the checkout."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Settings as a process reads them from its environment."""

    def read(**environment: str) -> Settings:
        with monkeypatch.context() as patch:
            for name, value in {"COMMERCE_URL": URL, **environment}.items():
                patch.setenv(name, value)
            return Settings()

    return read


def refusal(load: Any, **environment: str) -> str:
    """The text of the error that this environment gives."""
    with pytest.raises(ValidationError) as caught:
        load(**environment)
    return str(caught.value)


def example() -> list[tuple[str, str, str]]:
    """The settings of .env.example: name, value and the comment right above."""
    found, comment = [], []
    for line in EXAMPLE.read_text().splitlines():
        if line.startswith("#"):
            comment.append(line.removeprefix("#").strip())
        elif not line.strip():
            comment = []
        else:
            name, equals, value = line.partition("=")
            assert equals, line
            found.append((name, value, " ".join(comment)))
            comment = []
    return found


# .env.example


def test_the_example_lists_exactly_the_settings_in_their_order() -> None:
    assert [name for name, _, _ in example()] == [name.upper() for name in Settings.model_fields]


def test_the_example_explains_each_setting_as_the_code_does() -> None:
    described = {name.upper(): field.description for name, field in Settings.model_fields.items()}
    assert {name: comment for name, _, comment in example()} == described
    assert all(described.values())


def test_the_example_has_the_defaults_and_a_value_for_what_is_required(tmp_path: Path) -> None:
    copy = tmp_path / ".env"
    copy.write_text(EXAMPLE.read_text())
    loaded = Settings()
    values = {name: value for name, value, _ in example()}
    for name, field in Settings.model_fields.items():
        if field.default is PydanticUndefined:
            assert values[name.upper()], name
        else:
            assert getattr(loaded, name) == field.default, name
            empty = field.default in ("", (), SecretStr(""))
            assert bool(values[name.upper()]) is not empty, name
    assert loaded.commerce_base == "https://shop.example.com"


def test_the_example_has_no_quotes_spaces_or_secrets() -> None:
    for name, value, _ in example():
        assert value == value.strip().strip("\"'"), name
        if name.lower() in SECRETS:
            assert value in ("", EXAMPLE_SECRET), name


def test_every_setting_has_a_default_but_the_address_of_commerce(load: Any) -> None:
    assert [name for name, field in Settings.model_fields.items() if field.is_required()] == ["commerce_url"]
    assert load().commerce_base == URL


# Reading


def test_settings_come_from_the_environment_before_the_file(load: Any, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LISTEN_PORT=9001\nLISTEN_HOST=0.0.0.0\nCOMMERCE_URL=https://file.test\n")
    loaded = load(LISTEN_PORT="9002")
    assert (loaded.listen_port, loaded.listen_host, loaded.commerce_base) == (9002, "0.0.0.0", URL)


def test_an_empty_value_is_the_default(load: Any) -> None:
    loaded = load(LISTEN_PORT="", COMMERCE_VERSION="", COMMERCE_STORES="", COMMERCE_ADMIN_PASSWORD="")
    assert (loaded.listen_port, loaded.commerce_version, loaded.commerce_stores) == (8000, "", ())


@pytest.mark.parametrize(
    ("given", "codes"),
    [("a", ("a",)), ("a,b_2", ("a", "b_2")), (" a , b ,", ("a", "b")), (",", ()), ("A1,_x", ("A1", "_x"))],
)
@pytest.mark.parametrize("name", ["COMMERCE_STORES", "CATALOG_ATTRIBUTES"])
def test_lists_of_codes_are_separated_by_commas(load: Any, name: str, given: str, codes: tuple[str, ...]) -> None:
    assert getattr(load(**{name: given}), name.lower()) == codes


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("https://shop.test/", "https://shop.test"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://shop.test/sub/", "https://shop.test/sub"),
    ],
)
def test_the_base_of_commerce_has_no_slash_at_its_end(load: Any, given: str, base: str) -> None:
    loaded = load(COMMERCE_URL=given)
    assert loaded.commerce_base == base
    assert loaded.commerce_base == base


def test_urls_of_the_storefront_lose_the_slash_at_their_end(load: Any) -> None:
    loaded = load(STOREFRONT_URL="https://front.test/{store}/", MEDIA_URL="/media/")
    assert (loaded.storefront_url, loaded.media_url) == ("https://front.test/{store}", "/media")


def test_names_that_are_no_setting_are_ignored(load: Any) -> None:
    assert load(COMMERCE_NONSENSE="x").commerce_base == URL


# Refusing


def test_without_the_address_of_commerce_nothing_starts() -> None:
    with pytest.raises(ValidationError, match="commerce_url"):
        Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LISTEN_PORT", "0"),
        ("LISTEN_PORT", "65536"),
        ("LISTEN_PORT", "http"),
        ("LOG_LEVEL", "verbose"),
        ("LOG_FORMAT", "xml"),
        ("METRICS", "perhaps"),
        ("COMMERCE_URL", "shop.test"),
        ("COMMERCE_URL", "ftp://shop.test"),
        ("COMMERCE_STORES", "de-at"),
        ("COMMERCE_STORES", "a b"),
        ("CATALOG_ATTRIBUTES", "color}"),
        ("CATALOG_ATTRIBUTES", "1color"),
        ("COMMERCE_VERSION", "2.4.5"),
        ("COMMERCE_TIMEOUT", "0"),
        ("COMMERCE_TIMEOUT", "-1"),
        ("COMMERCE_TIMEOUT", "601"),
        ("COMMERCE_TIMEOUT", "nan"),
        ("COMMERCE_TIMEOUT", "inf"),
        ("COMMERCE_CONNECT_TIMEOUT", "2s"),
        ("COMMERCE_SCHEMA_TIMEOUT", "0"),
        ("COMMERCE_REFRESH", "1"),
        ("COMMERCE_REFRESH", "nan"),
        ("COMMERCE_CONNECTIONS", "0"),
        ("COMMERCE_ATTEMPTS", "0"),
        ("COMMERCE_ATTEMPTS", "6"),
        ("COMMERCE_BREAKER_FAILURES", "0"),
        ("COMMERCE_BREAKER_PAUSE", "0"),
        ("COMMERCE_MAX_RESPONSE", "1000"),
        ("COMMERCE_MAX_COMPLEXITY", "99"),
        ("CATALOG_MAX_PAGE_SIZE", "301"),
        ("STOREFRONT_URL", "front.test"),
        ("STOREFRONT_URL", "javascript:alert(1)"),
        ("MEDIA_URL", "cdn.test"),
        ("GRAPHIQL", "yes please"),
        ("GRAPHQL_MAX_DEPTH", "2"),
        ("GRAPHQL_MAX_FIELDS", "9"),
        ("GRAPHQL_MAX_ALIASES", "-1"),
        ("GRAPHQL_MAX_TOKENS", "99"),
        ("GRAPHQL_MAX_BYTES", "1"),
        ("COMMERCE_ADMIN_TOTP_SECRET", "no base32!"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_setting_and_not_echoed(load: Any, name: str, value: str) -> None:
    more = ADMIN if name.startswith("COMMERCE_ADMIN") else {}
    told = refusal(load, **{**more, name: value})
    assert name.lower() in told.lower()
    assert "input_value" not in told
    if len(value) > 5:
        assert value not in told.replace("2.4.4', '2.4.6'", "")


def test_all_bad_values_are_named_at_once(load: Any) -> None:
    told = refusal(load, LISTEN_PORT="x", COMMERCE_TIMEOUT="0", LOG_LEVEL="loud")
    assert all(name in told for name in ("listen_port", "commerce_timeout", "log_level"))


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("value", [EXAMPLE_SECRET, EXAMPLE_SECRET.upper()])
def test_an_example_secret_is_refused_by_name(load: Any, name: str, value: str) -> None:
    told = refusal(load, **{**INTEGRATION, name.upper(): value})
    assert name.upper() in told
    assert EXAMPLE_SECRET not in told.lower()


@pytest.mark.parametrize("missing", sorted(INTEGRATION))
def test_an_integration_needs_all_four_of_its_credentials(load: Any, missing: str) -> None:
    told = refusal(load, **{name: value for name, value in INTEGRATION.items() if name != missing})
    assert "COMMERCE_CONSUMER_" in told
    assert "COMMERCE_ACCESS_TOKEN" in told


@pytest.mark.parametrize("missing", sorted(ADMIN))
def test_an_admin_user_needs_name_and_password(load: Any, missing: str) -> None:
    told = refusal(load, **{name: value for name, value in ADMIN.items() if name != missing})
    assert "COMMERCE_ADMIN_USERNAME" in told
    assert "COMMERCE_ADMIN_PASSWORD" in told


def test_a_two_factor_secret_without_an_admin_user_is_refused(load: Any) -> None:
    assert "COMMERCE_ADMIN" in refusal(load, COMMERCE_ADMIN_TOTP_SECRET=TOTP_SECRET)


def test_credentials_of_both_kinds_are_refused(load: Any) -> None:
    assert "not both" in refusal(load, **INTEGRATION, **ADMIN)


def test_whole_credentials_are_taken(load: Any) -> None:
    assert load(**INTEGRATION).commerce_access_token_secret.get_secret_value() == "s3cr3t-4"
    loaded = load(**ADMIN, COMMERCE_ADMIN_TOTP_SECRET=TOTP_SECRET)
    assert loaded.commerce_admin_password.get_secret_value() == "s3cr3t-5"
    assert loaded.commerce_admin_totp_secret.get_secret_value() == TOTP_SECRET


# Keeping


def test_settings_cannot_be_changed(load: Any) -> None:
    loaded = load()
    for name in ("listen_port", "commerce_url", "commerce_admin_password"):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(loaded, name, "x")
    assert (loaded.listen_port, loaded.commerce_base) == (8000, URL)


@pytest.mark.parametrize("credentials", [INTEGRATION, {**ADMIN, "COMMERCE_ADMIN_TOTP_SECRET": TOTP_SECRET}])
def test_no_secret_shows_when_settings_are_printed_or_dumped(load: Any, credentials: dict[str, str]) -> None:
    loaded = load(**credentials, REDIS_STATE_URL="redis://:s3cr3t-6@redis.test/0")
    told = f"{loaded!r} {loaded} {loaded.model_dump()} {loaded.model_dump_json()}"
    for secret in ("s3cr3t", TOTP_SECRET):
        assert secret not in told


@pytest.mark.parametrize(
    "bad", [{"LISTEN_PORT": "x"}, {"COMMERCE_ADMIN_USERNAME": "admin"}, {"COMMERCE_ACCESS_TOKEN": ""}]
)
def test_no_secret_is_in_an_error(load: Any, bad: dict[str, str]) -> None:
    told = refusal(load, **{**INTEGRATION, "REDIS_STATE_URL": "redis://:s3cr3t-6@redis.test/0", **bad})
    assert "s3cr3t" not in told
    assert "token-3" not in told
    assert "key-1" not in told


def test_every_setting_that_is_secret_by_name_is_secret_by_type() -> None:
    for name in Settings.model_fields:
        if name.endswith(("secret", "password")):
            assert name in SECRETS

"""Logs without secrets, and metrics."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from app.telemetry import Metrics, blank_secrets, configure_logs, log
from tests.test_http import answer, client, serving

SECRET = "s3cr3t-value"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


class Written:
    """What has gone to standard error."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self._seen = ""

    def getvalue(self) -> str:
        self._seen += self._capture.readouterr().err
        return self._seen


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Written:
    return Written(capsys)


def lines(written: Written) -> list[dict[str, object]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


SECRET_KEYS = [
    "password", "commerce_admin_password", "Authorization", "authorization", "token", "access_token", "accessToken",
    "consumer_secret", "client-secret", "Set-Cookie", "cookie", "otp", "oauth_signature", "totp_secret",
]  # fmt: skip


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_a_value_whose_key_names_a_secret_is_blanked_at_any_depth(key: str, written: Written) -> None:
    configure_logs("info", "json")
    log.info(
        "x",
        **{key: SECRET},
        a={"b": {key: SECRET, "kept": 1}},
        many=[{key: SECRET}, {"inner": [{key: SECRET}]}],
        pair=({key: {"whole": SECRET}},),
    )
    assert SECRET not in written.getvalue()
    [line] = lines(written)
    assert line[key] == "[blanked]"
    assert line["a"] == {"b": {key: "[blanked]", "kept": 1}}
    assert line["many"] == [{key: "[blanked]"}, {"inner": [{key: "[blanked]"}]}]
    assert line["pair"] == [{key: "[blanked]"}]


def test_what_is_no_secret_is_logged_as_it_is() -> None:
    event = {"event": "x", "operation": "Store", "code": "UPSTREAM_TIMEOUT", "counts": [1, 2], "inner": {"sku": "a"}}
    assert blank_secrets(None, "info", dict(event)) == event


def test_blanking_leaves_the_callers_own_data_alone() -> None:
    headers = {"Authorization": SECRET, "inner": [{"token": SECRET}]}
    blank_secrets(None, "info", {"headers": headers})
    assert headers == {"Authorization": SECRET, "inner": [{"token": SECRET}]}


def test_a_line_is_one_json_object_with_event_level_and_time(written: Written) -> None:
    configure_logs("info", "json")
    log.warning("commerce.problems", operation="Store", problems=["internal: x\ny"])
    [line] = lines(written)
    assert line.pop("timestamp")
    assert line == {
        "event": "commerce.problems",
        "level": "warning",
        "operation": "Store",
        "problems": ["internal: x\ny"],
    }


def _fails(password: str) -> None:
    local_copy = password + "!"
    raise ValueError(f"failed with {len(local_copy)} letters")


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_exception_is_written_with_its_lines_and_without_its_variables(form: str, written: Written) -> None:
    configure_logs("info", form)
    try:
        _fails("".join(reversed(SECRET)))
    except ValueError:
        log.exception("checkout.failed")
    text = written.getvalue()
    assert "Logging error" not in text
    assert "checkout.failed" in text
    assert f"ValueError: failed with {len(SECRET) + 1} letters" in text
    assert "in _fails" in text
    assert "".join(reversed(SECRET)) not in text


def test_other_libraries_logs_take_the_same_way(written: Written) -> None:
    configure_logs("info", "json")
    try:
        _fails("x")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("it broke: %s", "reason")
    [line] = lines(written)
    assert (line["event"], line["level"]) == ("it broke: reason", "error")
    assert "ValueError: failed with 2 letters" in str(line["exception"])


def test_values_that_are_no_json_are_still_logged(written: Written) -> None:
    configure_logs("info", "json")
    log.info("x", error=ValueError("v"), raw=b"\xff", codes={1, 2}, kind=ValueError)
    [line] = lines(written)
    assert "ValueError('v')" in str(line["error"])


def test_context_variables_go_with_every_line_and_are_blanked_too(written: Written) -> None:
    configure_logs("info", "json")
    structlog.contextvars.bind_contextvars(request="r1", session_token=SECRET)
    log.info("x")
    [line] = lines(written)
    assert line["request"] == "r1"
    assert line["session_token"] == "[blanked]"


@pytest.mark.parametrize(("level", "events"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_only_the_asked_level_and_above_is_written(level: str, events: int, written: Written) -> None:
    configure_logs(level, "json")
    for method in (log.debug, log.info, log.warning, log.error):
        method("x")
    assert len(lines(written)) == events


async def test_the_http_client_does_not_log_what_it_asks(written: Written) -> None:
    configure_logs("debug", "json")
    async with serving(answer()) as server, client(server.url) as upstream:
        await upstream.call("Read", "GET", "/?token=x", headers={"Authorization": "Bearer y"}, read=True)
    assert server.asked == 1
    assert not [line for line in written.getvalue().splitlines() if "token" in line or "Bearer" in line]


def test_setting_up_twice_writes_every_line_once(written: Written) -> None:
    configure_logs("info", "json")
    configure_logs("info", "json")
    log.info("x")
    assert len(lines(written)) == 1


def test_logs_can_be_captured_without_being_set_up() -> None:
    with capture_logs() as captured:
        log.info("x", a=1)
    assert captured == [{"event": "x", "a": 1, "log_level": "info"}]


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = metrics.text().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_upstream_reads_are_timed_by_outcome() -> None:
    metrics = Metrics()
    with metrics.upstream("commerce", "Store"):
        pass
    with pytest.raises(KeyError), metrics.upstream("commerce", "Store"):
        raise KeyError("x")
    found = samples(metrics)
    for outcome in ("ok", "KeyError"):
        labels = (("operation", "Store"), ("outcome", outcome), ("upstream", "commerce"))
        assert found["vitrine_upstream_seconds_count", labels] == 1
        assert 0 <= found["vitrine_upstream_seconds_sum", labels] < 1


def test_answers_and_errors_are_counted() -> None:
    metrics = Metrics()
    metrics.answered("ok", 0.003)
    metrics.answered("ok", 40)
    metrics.answered("errors", 0.2)
    metrics.failed("UPSTREAM_TIMEOUT")
    metrics.failed("UPSTREAM_TIMEOUT")
    found = samples(metrics)
    assert found["vitrine_graphql_seconds_count", (("outcome", "ok"),)] == 2
    assert found["vitrine_graphql_seconds_bucket", (("le", "0.005"), ("outcome", "ok"))] == 1
    assert found["vitrine_graphql_seconds_bucket", (("le", "30.0"), ("outcome", "ok"))] == 1
    assert found["vitrine_graphql_seconds_bucket", (("le", "+Inf"), ("outcome", "ok"))] == 2
    assert found["vitrine_graphql_seconds_count", (("outcome", "errors"),)] == 1
    assert found["vitrine_errors_total", (("code", "UPSTREAM_TIMEOUT"),)] == 2


def test_every_metric_says_what_it_is_and_no_two_instances_share_one() -> None:
    one, other = Metrics(), Metrics()
    one.failed("INTERNAL")
    assert ("vitrine_errors_total", (("code", "INTERNAL"),)) not in samples(other)
    families = [
        family for family in text_string_to_metric_families(one.text().decode()) if family.name.startswith("vitrine")
    ]
    assert {family.name.removesuffix("_created") for family in families} == {
        "vitrine_graphql_seconds",
        "vitrine_upstream_seconds",
        "vitrine_errors",
    }
    assert all(family.documentation.endswith(".") for family in families)

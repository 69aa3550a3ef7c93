"""Traces: a request and its reads are spans of one trace, which Commerce is told."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.conftest import Api

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_request_and_its_reads_belong_to_the_callers_trace(api: Api) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    await api.data('{ product(sku: "TT-C01") { name } }', {"traceparent": PARENT})
    names = [span.name for span in spans.get_finished_spans()]
    assert names == ["commerce Products", "POST /graphql"]
    read, request = spans.get_finished_spans()
    assert request.parent is not None
    assert format(request.parent.span_id, "016x") == "b7ad6b7169203331"
    assert read.parent is not None
    assert read.context is not None
    assert request.context is not None
    assert read.parent.span_id == request.context.span_id
    told = api.commerce.requests[-1].headers["traceparent"]
    assert told == f"00-0af7651916cd43dd8448eb211c80319c-{read.context.span_id:016x}-01"
    assert not any(
        "TT-C01" in str(value) for span in spans.get_finished_spans() for value in (span.attributes or {}).values()
    )

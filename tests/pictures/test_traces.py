"""The picture of a trace, looked at pixel by pixel."""

from __future__ import annotations

import io

import pytest

from bot.drawings import SpanBar, TracePicture
from bot.language import ENGLISH
from bot.pictures.localized import TraceDrawing, localize_trace
from bot.pictures.protocol import decode_drawing, encode_drawing
from bot.text import Text

pytest.importorskip("PIL", reason="the extra `graphs` is not installed")

from PIL import Image

from bot.pictures import traces
from bot.pictures.style import BLUE, ORANGE, VERMILLION

SPANS = (
    SpanBar("productpage", 0, 0.0, 100.0),
    SpanBar("productpage > reviews", 1, 10.0, 80.0, slowest=True),
    SpanBar("reviews", 2, 50.0, 30.0, failed=True),
)


def localize(*spans: SpanBar, left_out: int = 0) -> TraceDrawing:
    """A trace of these spans, in English."""
    told = Text("Trace {id}", id="abc")
    return localize_trace(TracePicture(told, told, spans, told, left_out), ENGLISH)


def colors(png: bytes, row: int, share: float) -> set[str]:
    """The colours at a moment of a row, from 0 to 1 of the whole time."""
    x = traces.LEFT + share * (traces.RIGHT - traces.LEFT)
    y = traces.TOP + traces.ROW * (row + 0.5)
    part = Image.open(io.BytesIO(png)).convert("RGB")
    found = part.crop((round(x) - 6, round(y) - 12, round(x) + 6, round(y) + 12)).tobytes()
    triples = zip(found[0::3], found[1::3], found[2::3], strict=True)
    return {f"#{r:02X}{g:02X}{b:02X}" for r, g, b in triples}


def test_spans_are_told_apart_where_they_took_place() -> None:
    """Each bar lies at its time; the slowest and the failed one have colours of their own."""
    png = traces.draw_trace(localize(*SPANS))
    assert png == traces.draw_trace(localize(*SPANS))
    assert BLUE in colors(png, 0, 0.3)
    assert ORANGE in colors(png, 1, 0.3)
    assert not {BLUE, ORANGE, VERMILLION} & colors(png, 2, 0.3)
    assert VERMILLION in colors(png, 2, 0.65)


def test_words_say_what_colours_say() -> None:
    """Behind each bar, and of spans that are not drawn."""
    told = localize(*SPANS, left_out=2)
    assert told.notes == ("100.0 ms", "80.0 ms, slowest", "30.0 ms, error")
    assert told.more == "and 2 more spans"


def test_a_trace_survives_the_way_to_the_process_that_draws() -> None:
    """As a line of JSON."""
    drawing = localize(*SPANS)
    assert decode_drawing(encode_drawing(drawing)) == drawing


def test_deep_and_long_names_stay_in_their_place() -> None:
    """Labels end before the bars, however deep a span lies."""
    deep = [SpanBar("a-service-with-a-very-long-name > another", n, 50.0, 50.0) for n in range(15)]
    png = traces.draw_trace(localize(*deep))
    x, y = traces.LEFT - 8, traces.TOP
    gap = Image.open(io.BytesIO(png)).convert("RGB").crop((x, y, x + 6, y + 15 * traces.ROW))
    assert set(gap.tobytes()) == {255}

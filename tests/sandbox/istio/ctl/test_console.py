"""The lines of an installation's progress."""

from __future__ import annotations

import io

from sandbox.istio.ctl.console import ProgressLog, draw_ship


def test_progress_is_a_line_per_change() -> None:
    """Repeated states are said once, each line is begun with a line break, the last has none after
    it."""
    stream = io.StringIO()
    progress = ProgressLog(stream)
    progress.start_component("Base")
    progress.report_applied()
    progress.report_applied()
    progress.report_finished("Base")
    assert (
        stream.getvalue() == "\n- Processing resources for Istio core.\n✔ Istio core installed ⛵️"
    )


def test_a_long_line_is_cut_to_the_bars_width() -> None:
    """What is longer than a hundred characters ends in three dots at the hundredth."""
    stream = io.StringIO()
    progress = ProgressLog(stream)
    progress.start_component("IngressGateways")
    progress.report_waiting("IngressGateways", ["Deployment/istio-system/istio-ingressgateway"])
    line = stream.getvalue().strip("\n")
    assert len(line) == 100
    assert line.endswith("istio-ingressgat...")


def test_the_ship_is_fourteen_lines_and_an_empty_one() -> None:
    """The ship is drawn before the first line, padded to a rectangle."""
    stream = io.StringIO()
    draw_ship(stream)
    lines = stream.getvalue().split("\n")
    assert len(lines) == 16
    assert {len(line) for line in lines[:14]} == {20}

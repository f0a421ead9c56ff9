"""The blocks that carry figures and tasks: table, data_table, data_visualization, task_card and
plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.slackrules.problems import Findings

Block = Mapping[str, Any]
ROWS, COLUMNS = 100, 20
SEGMENTS, SERIES, POINTS, SHORT, TITLE = 6, 6, 20, 20, 50
CELLS = {"raw_text", "raw_number", "rich_text", "text", "number"}
TASK_STATES = {"pending", "in_progress", "complete", "error"}


def check_table(found: Findings, block: Block, pointer: str) -> None:
    """Check a table: at most 100 rows of 20 cells, and no cell without text."""
    _check_rows(found, block, pointer, (1, ROWS))


def check_data_table(found: Findings, block: Block, pointer: str) -> None:
    """Check a data table: a header row, up to 100 rows, a caption, and pages of 1 to 100 rows."""
    found.check_string(block, "caption", pointer, limit=2000, required=True)
    _check_rows(found, block, pointer, (2, ROWS + 1))
    rows = block.get("rows")
    if isinstance(rows, list) and len({len(row) for row in rows if isinstance(row, list)}) > 1:
        found.add(f"{pointer}/rows", "every row must have as many cells as the header")
    size = block.get("page_size", 5)
    if not isinstance(size, int) or not 1 <= size <= ROWS:
        found.add(f"{pointer}/page_size", f"page_size must be between 1 and {ROWS}")


def _check_rows(found: Findings, block: Block, pointer: str, bounds: tuple[int, int]) -> None:
    for where, row in found.check_list_member(
        block, "rows", pointer, least=bounds[0], most=bounds[1]
    ):
        for place, value in found.check_list(row, where, least=1, most=COLUMNS):
            cell = found.check_mapping(value, place, "cell")
            if cell is not None:
                _check_cell(found, cell, place)


def _check_cell(found: Findings, cell: Block, pointer: str) -> None:
    kind = cell.get("type")
    if kind not in CELLS:
        found.add(f"{pointer}/type", f"unsupported type: {kind}")
    elif kind in {"raw_text", "text"} and not cell.get("text"):
        found.add(f"{pointer}/text", "text must be more than 0 characters")


def check_data_visualization(found: Findings, block: Block, pointer: str) -> None:
    """Check a titled chart.

    It is a pie of at most 6 segments, or at most 6 series of at most 20 points on named
    categories.
    """
    found.check_string(block, "title", pointer, limit=TITLE, required=True)
    chart = found.check_mapping(block.get("chart"), f"{pointer}/chart", "chart")
    if chart is None:
        return
    where = f"{pointer}/chart"
    if chart.get("type") == "pie":
        for place, value in found.check_list_member(
            chart, "segments", where, least=1, most=SEGMENTS
        ):
            segment = found.check_mapping(value, place, "segment")
            if segment is not None:
                found.check_string(segment, "label", place, limit=SHORT, required=True)
    elif chart.get("type") in ("line", "bar", "area"):
        _check_chart_series(found, chart, where)
    else:
        found.add(f"{where}/type", f"unsupported type: {chart.get('type')}")


def _check_chart_series(found: Findings, chart: Block, pointer: str) -> None:
    axis = chart.get("axis_config")
    categories = axis.get("categories") if isinstance(axis, dict) else None
    if isinstance(axis, dict):
        for key in ("x_label", "y_label"):
            found.check_string(axis, key, f"{pointer}/axis_config", limit=TITLE)
    for where, value in found.check_list_member(chart, "series", pointer, least=1, most=SERIES):
        series = found.check_mapping(value, where, "series")
        if series is None:
            continue
        found.check_string(series, "name", where, limit=SHORT, required=True)
        points = found.check_list_member(series, "data", where, least=1, most=POINTS)
        labels = [point.get("label") for _, point in points if isinstance(point, dict)]
        if isinstance(categories, list) and labels != categories:
            found.add(f"{where}/data", "labels must equal the categories of the axis")
        for place, point in points:
            if isinstance(point, dict):
                found.check_string(point, "label", place, limit=SHORT, required=True)


def check_task_card(found: Findings, block: Block, pointer: str) -> None:
    """Check one task, which has a title and a known status."""
    found.check_string(block, "title", pointer, limit=TITLE * 5, required=True)
    if block.get("status", "pending") not in TASK_STATES:
        found.add(f"{pointer}/status", f"unknown status: {block.get('status')}")


def check_plan(found: Findings, block: Block, pointer: str) -> None:
    """Check a titled list of tasks."""
    found.check_string(block, "title", pointer, limit=TITLE * 5, required=True)
    for where, value in found.check_list_member(block, "tasks", pointer, least=1, most=50):
        task = found.check_mapping(value, where, "task")
        if task is not None:
            check_task_card(found, task, where)

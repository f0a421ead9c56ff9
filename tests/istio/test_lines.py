"""istioctl's lines, as 1.23.2 and 1.30.3 print them, shown."""

from __future__ import annotations

import pytest

from bot.istio.lines import LONGEST_LINE, clean_line, extract_error, is_noise


@pytest.mark.parametrize(
    "line",
    [
        "",
        "        |\\",
        "      /||    \\",
        "/______||__________\\",
        "  \\__       _____/",
        "2026-11-23T05:12:46.988868Z\terror\tport forward failed: "
        "error upgrading connection: error dialing backend",
        "E1123 05:12:46.988868 1 portforward.go:413] an error occurred forwarding",
    ],
)
def test_noise_is_nothing(line: str) -> None:
    """The ship, empty lines and port-forward complaints mean nothing."""
    assert is_noise(line)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain\r\n", "plain"),
        ("1/3\r2/3\r3/3\n", "3/3"),
        ("\x1b[1;31mred\x1b[0m\x07", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("a\x00b", "ab"),
    ],
)
def test_a_line_is_shown_as_a_terminal_would(raw: str, shown: str) -> None:
    """Colours, titles, control characters and overwritten text are gone."""
    assert clean_line(raw) == shown


def test_a_line_is_bounded() -> None:
    """A very long line is cut, and says so."""
    assert len(clean_line("x" * 10_000)) == LONGEST_LINE
    assert clean_line("x" * 10_000).endswith("…")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["  |\\", "Error: bad profile"], "bad profile"),
        (
            ["Error: first", "Error: not ready", "  Deployment/a/b (waiting)"],
            "not ready\n  Deployment/a/b (waiting)",
        ),
        (["Cancelled."], "Cancelled."),
        (["", "   "], ""),
    ],
)
def test_an_error_is_in_istioctls_own_words(lines: list[str], words: str) -> None:
    """From the last `Error:` on, with the lines that belong to it; without the ship."""
    assert extract_error(lines) == words

"""istioctl's lines, as 1.23.2 and 1.30.3 print them, understood."""

from __future__ import annotations

import pytest

from bot.istio.lines import LONGEST_LINE, LineKind, clean_line, extract_error, is_noise, parse_line


@pytest.mark.parametrize(
    ("line", "says", "components", "waiting"),
    [
        ("- Processing resources for Istio core.", LineKind.PROCESSING, ("Istio core",), ()),
        (
            "- Processing resources for Istiod. Waiting for Deployment/istio-system/istiod",
            LineKind.PROCESSING,
            ("Istiod",),
            ("Deployment/istio-system/istiod",),
        ),
        (
            "- Processing resources for CNI, Istiod. Waiting for "
            "DaemonSet/istio-system/istio-cni-node, Deploy...",
            LineKind.PROCESSING,
            ("CNI", "Istiod"),
            ("DaemonSet/istio-system/istio-cni-node",),
        ),
        ("✔ Istio core installed ⛵️", LineKind.INSTALLED, ("Istio core",), ()),
        ("✔ Ingress gateways installed 🛬", LineKind.INSTALLED, ("Ingress gateways",), ()),
        ("\x1b[32m✔ Istiod installed 🧠\x1b[0m", LineKind.INSTALLED, ("Istiod",), ()),
        ("✘ Istiod encountered an error: resources not ready", LineKind.FAILED, ("Istiod",), ()),
        ("- Pruning removed resources", LineKind.PRUNING, (), ()),
        ("✔ Installation complete", LineKind.COMPLETE, (), ()),
        ("✔ Uninstall complete", LineKind.COMPLETE, (), ()),
        ("Error: generate config: unknown field", LineKind.ERROR, (), ()),
        ("WARNING: Istio 1.23.0 may be out of support (EOL) already", LineKind.WARNING, (), ()),
        ("All Istio resources will be pruned from the cluster", LineKind.OTHER, (), ()),
    ],
)
def test_a_line_is_understood(
    line: str, says: LineKind, components: tuple[str, ...], waiting: tuple[str, ...]
) -> None:
    """Each line has its meaning, its components and the objects it waits for, without the one that
    was cut short."""
    reading = parse_line(line)
    assert reading is not None
    assert (reading.says, reading.components, reading.waiting) == (says, components, waiting)


@pytest.mark.parametrize(
    ("line", "removed"),
    [
        (
            "  Removed apps/v1, Kind=Deployment/istiod.istio-system.",
            "Deployment/istio-system/istiod",
        ),
        ("  Removed /v1, Kind=Service/istiod.istio-system.", "Service/istio-system/istiod"),
        (
            "  Removed rbac.authorization.k8s.io/v1, Kind=ClusterRole/istio-cni..",
            "ClusterRole/istio-cni",
        ),
        (
            "  Removed apiextensions.k8s.io/v1, "
            "Kind=CustomResourceDefinition/gateways.networking.istio.io..",
            "CustomResourceDefinition/gateways.networking.istio.io",
        ),
    ],
)
def test_a_removal_names_its_object(line: str, removed: str) -> None:
    """Names with dots and objects without a namespace are told apart."""
    reading = parse_line(line)
    assert reading is not None
    assert (reading.says, reading.removed) == (LineKind.REMOVED, removed)


def test_completion_without_a_line_break() -> None:
    """Both versions glue the next sentence to `Installation complete`; it is what is worth showing."""
    reading = parse_line(
        "✔ Installation completeMade this installation the default for cluster-wide operations."
    )
    assert reading is not None
    assert reading.text == "Made this installation the default for cluster-wide operations."


@pytest.mark.parametrize(
    "line",
    [
        "",
        "        |\\",
        "      /||    \\",
        "/______||__________\\",
        "  \\__       _____/",
        "2026-11-23T05:12:46.988868Z\terror\tport forward failed: error upgrading connection: "
        "error dialing backend",
        "E1123 05:12:46.988868 1 portforward.go:413] an error occurred forwarding",
    ],
)
def test_noise_is_nothing(line: str) -> None:
    """The ship, empty lines and port-forward complaints mean nothing."""
    assert is_noise(line)
    assert parse_line(line) is None


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

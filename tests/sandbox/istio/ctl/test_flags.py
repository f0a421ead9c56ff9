"""How mistakes in the command line are told: words and exit codes of the real program."""

from __future__ import annotations

import pytest

from sandbox.istio.ctl.command_tree import build_command_tree
from sandbox.istio.ctl.flags import ParsedCommandLine, parse_command_line
from sandbox.istio.istioctl_errors import CtlError
from sandbox.releases import RELEASES
from tests.sandbox.istio.ctl.conftest import typed


def read(line: str) -> ParsedCommandLine:
    """A command line of 1.30.3, read."""
    return parse_command_line(build_command_tree(RELEASES["1.30.3"]), line.split())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nosuch", 'unknown command "nosuch" for "istioctl"\nRun \'istioctl --help\' for usage.'),
        ("instal", "Did you mean this?\n\tinstall\n"),
        ("profile list", 'unknown command "profile" for "istioctl"'),
        ("install --nosuch", "unknown flag: --nosuch"),
        ("install -Z", "unknown shorthand flag: 'Z' in -Z"),
        ("install --set", "flag needs an argument: --set"),
        (
            "install --readiness-timeout 5",
            'invalid argument "5" for "--readiness-timeout" flag: time: missing unit',
        ),
        (
            "install --force=perhaps",
            'invalid argument "perhaps" for "--force" flag: strconv.ParseBool',
        ),
        ("analyze -o foo", "foo not a valid option for format. See istioctl analyze --help"),
    ],
)
def test_misuse_exits_with_64(line: str, words: str) -> None:
    """Unknown commands and flags, and bad values of flags, are errors of usage."""
    outcome = typed(*line.split())
    assert outcome.code == 64
    assert f"Error: {words}" in outcome.err or words in outcome.err
    assert outcome.out == ""


@pytest.mark.parametrize(
    "line", ["install extra", "waypoint nosuch", "uninstall", "waypoint delete"]
)
def test_wrong_arguments_exit_with_1(line: str) -> None:
    """A command's own check of its arguments is an ordinary error."""
    assert typed(*line.split()).code == 1


def test_flags_may_stand_anywhere() -> None:
    """Root flags before the command, bundled and glued short flags, `=` and repeated flags all
    work."""
    parsed = read("-n bookinfo install -ys=a=1 --set b=2 -f one -f two --dry-run=false")
    assert parsed.path == ("istioctl", "install")
    assert (parsed["namespace"], parsed["skip-confirmation"], parsed["dry-run"]) == (
        "bookinfo",
        True,
        False,
    )
    assert (parsed["set"], parsed["filename"]) == (["a=1", "b=2"], ["one", "two"])


@pytest.mark.parametrize(
    ("text", "seconds"), [("5m0s", 300.0), ("1h30m", 5400.0), ("90s", 90.0), ("500ms", 0.5)]
)
def test_durations_are_gos(text: str, seconds: float) -> None:
    """Durations are written in Go's units."""
    assert read(f"install --readiness-timeout {text}")["readiness-timeout"] == seconds


@pytest.mark.parametrize(
    "line", ["", "--help", "install --help", "x", "waypoint apply -h", "manifest nosuch"]
)
def test_help_goes_to_standard_output(line: str) -> None:
    """Help is no error, for whatever command it is asked."""
    outcome = typed(*line.split())
    assert (outcome.code, outcome.err) == (0, "")
    assert "Usage:" in outcome.out


def test_a_command_without_a_value_for_a_flag_is_an_error() -> None:
    """The parser raises the error that becomes the exit code."""
    with pytest.raises(CtlError, match="flag needs an argument"):
        read("analyze -n")

"""Records that nobody forges: the audit in the channel, on a terminal and in a spreadsheet, the log,
and Events. What people type, and names from outside, are written so that all of it is seen."""

from __future__ import annotations

import csv
import io
import json
import logging
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.cli.audit_export import build_cell, write_entry
from bot.cli.terminal import JsonLinesFormatter, LineFormatter, print_error
from bot.language import ENGLISH
from bot.messages import Message
from bot.records import AuditEntry
from bot.slack.outbound.fit import build_plain_payload, fit_message
from bot.slack.outbound.views import ensure_valid_view
from bot.slackrules import check_message
from bot.text import Text
from bot.view.blocks import escape_code, format_code_lines, header, section
from handlers.audit import format_entry

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
FORGED = "x\n2026-11-25 12:00:00 U0HOST uninstall: done by=U0ADMIN"
EVIL = "a\x1b[2Jb\u202ec\u200bd\u2028e```f<!channel>"
HIDDEN = ("\x1b", "\u202e", "\u200b", "\u2028", "\n", "\r", "\x9b")


def build_entry(**more: object) -> AuditEntry:
    """A row of the audit."""
    entry = AuditEntry(
        "r1", NOON, "U0ALICE", "C1", "", "status", "c", "bookinfo", "refused", Text("no.")
    )
    return replace(entry, **more)  # type: ignore[arg-type]  # the fields are a test's


def print_entry(entry: AuditEntry, *, as_csv: bool = False) -> str:
    """A row as `meshbot audit` prints it."""
    out = io.StringIO(newline="")
    write_entry(out, entry, as_csv=as_csv)
    return out.getvalue()


@pytest.mark.parametrize("field", ["arguments", "user", "namespace", "outcome", "decided_by"])
@pytest.mark.parametrize("value", [FORGED, EVIL, "a\r\nb", "\x9b31m", "\u2066a"])
def test_a_row_is_one_line_in_which_all_is_seen(field: str, value: str) -> None:
    """In the channel and on a terminal."""
    entry = build_entry(**{field: value})
    shown, printed = format_entry(entry), print_entry(entry)
    assert printed.endswith("\n")
    for line in (shown, printed[:-1]):
        assert not [hidden for hidden in HIDDEN if hidden in line]
        assert line.startswith("2026-11-25 12:00:00 ")
    assert "\\" in shown + printed


def test_the_words_of_a_row_end_no_line() -> None:
    """Reasons come from the cluster as well."""
    printed = print_entry(build_entry(summary=Text("{said}.", said=f"{FORGED} {EVIL}")))
    assert printed.count("\n") == 1
    assert "\x1b" not in printed


def test_a_command_does_not_pass_for_the_parts_after_it() -> None:
    """It stands in quotes where it holds what separates them."""
    typed = "uninstall: done by=U0ADMIN"
    assert format_entry(build_entry(arguments=typed)) == (
        f'2026-11-25 12:00:00 U0ALICE "{typed}" in=bookinfo: refused'
    )
    typed = "uninstall  [bookinfo]  done by U0ADMIN: gone"
    assert print_entry(build_entry(arguments=typed)) == (
        f'2026-11-25 12:00:00  U0ALICE  "{typed}"  [bookinfo]  refused: no.\n'
    )


def test_a_command_does_not_end_the_code_that_it_is_shown_in() -> None:
    """Backticks are shown as marks that look the same."""
    shown = format_code_lines([format_entry(build_entry(arguments="x``` <!channel> *Done*"))])
    assert shown.count("```") == 2
    assert "<!channel>" not in shown
    assert escape_code("a`b\nc\u202e") == r"aˋb\nc\u202e"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" =1+1", "' =1+1"),
        ("＝1+1", "'＝1+1"),
        ("\t=1+1", r"\t=1+1"),
        ("\r=1+1", r"\r=1+1"),
        ("a\n=1+1", r"a\n=1+1"),
        ("status", "status"),
        (1.5, 1.5),
    ],
)
def test_no_cell_is_a_formula(value: object, cell: object) -> None:
    """Whatever a spreadsheet would compute; line ends are written out before."""
    assert build_cell(value) == cell


def test_a_row_of_the_csv_is_one_line() -> None:
    """With as many cells as there are names."""
    entry = build_entry(arguments=f'{FORGED}","\x1b[2J', summary=Text("{x}", x='=cmd|"/c calc"'))
    printed = print_entry(entry, as_csv=True)
    (cells,) = csv.reader(io.StringIO(printed))
    assert printed.count("\n") == 1
    assert len(cells) == 14
    assert cells[5].startswith(r"x\n2026")
    assert cells[9].startswith("'=cmd")


def build_record(message: str, *values: object, failed: bool = False) -> logging.LogRecord:
    """A record of the log, of an exception if it failed."""
    problem = None
    if failed:
        try:
            raise ValueError(FORGED + EVIL)
        except ValueError:
            problem = sys.exc_info()
    return logging.LogRecord("bot", logging.WARNING, "x", 1, message, values, problem)


def test_a_record_of_the_log_is_one_line() -> None:
    """What was typed can neither forge one nor move a terminal's cursor."""
    line = LineFormatter().format(build_record("refused %s", FORGED + EVIL))
    assert not [hidden for hidden in HIDDEN if hidden in line]
    assert r"refused x\n2026-11-25" in line


def test_a_traceback_passes_for_no_line_of_the_log() -> None:
    """Its lines are indented, whatever the exception says."""
    first, *others = LineFormatter().format(build_record("failed", failed=True)).split("\n")
    assert first.endswith("failed")
    assert others
    assert all(line.startswith("  ") for line in others)
    assert not [line for line in others if "\x1b" in line or "\u202e" in line]


def test_a_log_for_machines_is_one_object_in_a_line() -> None:
    """In which all is seen, too."""
    line = JsonLinesFormatter().format(build_record("refused %s", FORGED + EVIL, failed=True))
    assert not [hidden for hidden in HIDDEN if hidden in line]
    found = json.loads(line)
    assert found["message"].startswith(r"refused x\n2026")
    assert found["traceback"].startswith("Traceback")
    assert not [hidden for hidden in ("\x1b", "\u202e") if hidden in found["traceback"]]


def test_an_error_on_the_terminal_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    """Names of a cluster or a workspace may hold anything; lines stay lines."""
    print_error("no \x1b[2J such\ncontext \u202e")
    assert capsys.readouterr().err == "meshbot: no \\x1b[2J such\ncontext \\u202e\n"


@pytest.mark.parametrize("build", [lambda m: fit_message(m, ENGLISH), build_plain_payload])
def test_messages_show_what_is_hidden(build: object) -> None:
    """On their way to Slack, in every block; layout and what comes back stay."""
    button = {"type": "button", "action_id": "mesh:type:0", "value": "a\u202eb"}
    label = {"type": "plain_text", "text": "a\u202eb"}
    blocks = (
        section("one\ntwo\u202e", block_id="verdict:done"),
        header("three\u200b"),
        {"type": "actions", "elements": [button | {"text": label}]},
    )
    payload = build(Message("one\ntwo\u202e three\u200b", blocks))  # type: ignore[operator]  # parametrised
    said = json.dumps(payload, ensure_ascii=False)
    assert payload["text"] == "one\ntwo\\u202e three\\u200b"
    assert said.count("\u202e") == said.count('"value"')
    assert check_message(payload) == []


def test_windows_show_what_is_hidden() -> None:
    """Modals and the Home tab."""
    view = ensure_valid_view({"type": "home", "blocks": [section("a\u202eb")]})
    assert view["blocks"][0]["text"]["text"] == r"a\u202eb"

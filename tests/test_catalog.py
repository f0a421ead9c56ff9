"""What a person's words mean, and what is said when they mean nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field
from pydantic_core.core_schema import ErrorType

from bot.catalog import LONGEST, Catalog, explain_validation_error
from bot.catalog.option_errors import TEXTS, UNFIT
from bot.errors import CatalogError, UserError
from bot.steps import Context, Options, State, Step, Verdict
from bot.text import EMPTY, Text
from handlers import STEPS


async def nothing(context: Context, options: Options) -> Verdict:
    """A step's function that these tests never call."""
    return Verdict(State.DONE, EMPTY)


class Choices(Options):
    """Options of every shape."""

    profile: Annotated[str, Field(default="default")]
    percent: Annotated[int, Field(default=100, ge=0, le=100)]
    off: Annotated[bool, Field(default=False)]
    access_log: Annotated[bool, Field(default=False, alias="access-log")]
    set: Annotated[tuple[str, ...], Field(default=())]


KNOWN = {kind for kind, text in TEXTS.items() if text == UNFIT}
"""Errors of which no more is known than that the word does not fit."""


@pytest.fixture
def catalog() -> Catalog:
    """Two steps: one with every shape of option, one with none."""
    first = Step(
        "install",
        Text("Install"),
        Text("installs"),
        nothing,
        Choices,
        aliases=("setup",),
        positional=("profile", "set"),
    )
    return Catalog((first, Step("status", Text("Status"), Text("tells"), nothing)))


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("install", {}),
        ("INSTALL demo", {"profile": "demo"}),
        ("setup profile=demo", {"profile": "demo"}),
        ("install --profile demo --off", {"profile": "demo", "off": True}),
        ("install access-log", {"access_log": True}),
        ("install access_log=yes", {"access_log": True}),
        ("install set=values.a=b --set values.c=d", {"set": ("values.a=b", "values.c=d")}),
        ("install demo values.a=b", {"profile": "demo", "set": ("values.a=b",)}),
        (r"install set=values.a\.b=c", {"set": (r"values.a\.b=c",)}),
        ("install “demo”", {"profile": "demo"}),
        ("install in=bookinfo percent=50", {"namespace": "bookinfo", "percent": 50}),
    ],
)
def test_options_are_understood(catalog: Catalog, typed: str, expected: dict[str, object]) -> None:
    """Whatever way an option is typed, it means the same."""
    options = catalog.parse(typed).options.model_dump(exclude_defaults=True)
    assert options == expected


@pytest.mark.parametrize(
    ("typed", "says", "hint"),
    [
        ("instal", "no step called “instal”", "`/mesh install`"),
        ("zzz", "no step called “zzz”", "`/mesh help`"),
        ("status now", "does not know “now”", "`/mesh help status`"),
        ("install percent=101", "percent: should be 100 or less", "help install"),
        ("install percent=many", "percent: should be a whole number", "help install"),
        ("install in=Book_Info", "in: has characters that do not belong", "help install"),
        ("install profile=a profile=b", "given twice", "Give it once"),
        ("install percent", "percent needs a value", "percent=…"),
        ('install "demo', "quote is opened and not closed", "Close it"),
        ("status profil=x", "does not know “profil=x”", "help status"),
        ("x" * 10_000, "10,000 characters", "shorter"),
        ("install \x1b[31mred", "U+001B", "without them"),
        ("install a\x00b", "U+0000", "without them"),
    ],
)
def test_mistakes_say_what_to_type_instead(
    catalog: Catalog, typed: str, says: str, hint: str
) -> None:
    """A mistake names what is wrong and what to type."""
    with pytest.raises(UserError) as caught:
        catalog.parse(typed)
    assert says in str(caught.value.message)
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    "typed",
    [
        "rm -rf /; echo $(id)",
        "install $(id)",
        "`id`",
        "install '; drop table runs'",
        "👍",
        "<!channel>",
    ],
)
def test_shell_and_markup_are_only_words(catalog: Catalog, typed: str) -> None:
    """Nothing typed is ever run or refused with anything but a UserError."""
    try:
        invocation = catalog.parse(typed)
    except UserError:
        return
    assert invocation.options.model_dump()["profile"] in typed


@given(st.text(max_size=LONGEST + 10))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """No text at all makes anything but an invocation or a UserError."""
    with suppress(UserError):
        assert Catalog(STEPS).parse(text).step in STEPS


@pytest.mark.parametrize(
    "typed", ["install demo set=values.a=b", 'help "install"', "status share in=bookinfo", ""]
)
def test_what_the_ledger_keeps_means_the_same(typed: str) -> None:
    """The text of an invocation parses to the same step and options again."""
    catalog = Catalog(STEPS)
    first = catalog.parse(typed)
    again = catalog.parse(first.text)
    assert (again.step.id, again.options) == (first.step.id, first.options)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("schedule pauze", "action: should be one of list, "),
        ("workshop action=away", "action: should be here, off, full, or a time such as 60m"),
        ("route version=v9", "version: should be one of v1, v2 or v3"),
        ("reset", "step: is needed"),
        ("traffic count=nine", "count: should be a whole number"),
        ("install " + " ".join(f"a{n}=b" for n in range(100)), "set: takes at most "),
    ],
)
def test_mistakes_in_options_have_words_of_their_own(typed: str, says: str) -> None:
    """Each sort of mistake that the steps' options can have is named; none is merely refused."""
    with pytest.raises(UserError) as caught:
        Catalog(STEPS).parse(typed)
    assert says in str(caught.value.message)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("fautl Jason", "fault Jason"),
        ("fautl jason abrt 503", "fault jason abort 503"),
        ("status now", "status"),
        ("status shra", "status share"),
        ("route jason v9", "route jason v3"),
        ("route jason version=v22", "route jason version=v2"),
        ("fault jas!on", "fault jason"),
        ("fault jason --abort 500", "fault jason abort 500"),
        ("fault jason abort 700 50%", "fault jason abort 599 50%"),
        ("fault jason delay 15s", "fault jason delay 8s"),
        ("fault jason 150%", "fault jason 100%"),
        ("audit 500", "audit 100"),
        ("audit 20x", "audit 20"),
        # A mark between thousands is no decimal point: 1.000 is not 1.
        ("traffic burst 1.000", "traffic burst 1000"),
        ("traffic burst count=1,500", "traffic burst count=1500"),
        ("traffic burst 2’000", "traffic burst 2000"),
        ("traffic brust 50 at 20/s", "traffic burst 50 at 20/s"),
        ("traffic start evry 3s", "traffic start every 3s"),
        ("ping evry 1m", "ping every 1m"),
        ("ping every 1m Madrid", "ping every 1m Europe/Madrid"),
        ("status in=Book_Info", "status in=bookinfo"),
        ("uninstall ap", "uninstall app"),
        ("shift v1-50 v3=50", "shift v1=50 v3=50"),
        ('install "demo', "install demo"),
    ],
)
def test_a_mistake_names_the_word_and_the_command_that_was_meant(typed: str, meant: str) -> None:
    """All mistakes of a command are corrected together, and what is offered can be typed."""
    catalog = Catalog(STEPS)
    with pytest.raises(UserError) as caught:
        catalog.parse(typed)
    assert caught.value.fixes == (meant,)
    assert catalog.parse(meant).text == meant


@pytest.mark.parametrize("typed", ["kiali off", "fault --dry-run", "install a profile=b", "zzz"])
def test_nothing_is_offered_that_does_something_else(typed: str) -> None:
    """A word that is left out of a command that changes something is no correction."""
    with pytest.raises(UserError) as caught:
        Catalog(STEPS).parse(typed)
    assert caught.value.fixes == ()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Fault Jason Abort 500", {"user": "jason", "what": ("Abort", "500")}),
        ("fault user=Jason", {"user": "Jason"}),
        ("fault JMcD", {"user": "JMcD"}),
        ("Fault Off", {"user": "off"}),
        ("Route Jason V2 In=Bookinfo", {"user": "jason", "version": "v2", "namespace": "bookinfo"}),
        ("Traffic Start As Jason For 10M", {"action": "start", "user": "jason", "how_long": 600}),
        ("Shift V1 50 % V3:50%", {"weights": ("v1=50", "v3=50")}),
        ("Addons Prometheus", {"which": ("prometheus",)}),
        ("Ambient Platform=K3d Rules=Keep", {"platform": "k3d", "rules": "keep"}),
        ("Install Set=values.Some=Thing", {"set": ("values.Some=Thing",)}),
        ("Show Expose HTTPRoute", {"step": "Expose", "only": "HTTPRoute"}),
    ],
)
def test_capitals_of_a_phone_mean_nothing(typed: str, expected: dict[str, object]) -> None:
    """Names, choices and people lose a first capital; values whose case matters stay."""
    options = Catalog(STEPS).parse(typed).options.model_dump(exclude_unset=True)
    assert options | expected == options


@pytest.mark.parametrize("kind", get_args(ErrorType))
def test_every_error_of_pydantic_has_words_of_the_bot(kind: str) -> None:
    """No sentence of a validator reaches a channel, whatever error an option comes to have."""
    error = {"type": kind, "msg": "Input should be", "ctx": {"error": ValueError("no Text")}}
    said = explain_validation_error(error)
    limited = explain_validation_error(error | {"ctx": {"ge": 1, "error": ValueError()}})
    assert "Input" not in f"{said}{limited}"
    assert {kind} <= KNOWN or said != UNFIT or limited != UNFIT


def test_clashing_steps_are_all_named() -> None:
    """Every clash of names is told at once."""
    steps = [
        Step("a", Text("A"), EMPTY, nothing, aliases=("x",)),
        Step("b", Text("B"), EMPTY, nothing, aliases=("x", "a")),
        Step("c", Text("C"), EMPTY, nothing, positional=("nonesuch",)),
        Step("d", Text("D"), EMPTY, nothing, about_runs=True),
    ]
    says = (
        "x is claimed by a and b.*a is claimed.*c has no option nonesuch.*"
        "d is about runs and takes no step"
    )
    with pytest.raises(CatalogError, match=says):
        Catalog(steps)

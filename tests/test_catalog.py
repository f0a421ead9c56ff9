"""What a person's words mean, and what is said when they mean nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from bot.catalog import LONGEST, Catalog
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
        ("install a\u202eb", "U+202E", "without them"),
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
        ("workshop action=away", "action: should be one of here or off"),
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

"""Forms for faults and shares, whose words on the command line are not one option each,
and their initial values.
"""

from __future__ import annotations

from bot.knowledge.routing import faults
from bot.knowledge.routing.manifests import (
    VERSIONS,
    find_faulted_user,
    find_reviews_version,
    find_routed_user,
)
from bot.knowledge.snapshot import take_snapshot
from bot.steps import Answers, Context, Form, Question
from bot.text import EMPTY, Text, verbatim

TENS = tuple(str(share) for share in range(0, 101, 10))


def get_first_answer(answers: Answers, name: str) -> str:
    """Return the first word of an answer; "" when there is none."""
    return (*answers.get(name, ()), "")[0].strip()


def build_fault_words(answers: Answers) -> tuple[str, ...]:
    """Return the words that would be typed, such as `jason delay 2s 50%`."""
    kind = get_first_answer(answers, "kind") or "abort"
    what = (
        f"{get_first_answer(answers, 'seconds') or '2'}s"
        if kind == "delay"
        else get_first_answer(answers, "code") or "500"
    )
    share = get_first_answer(answers, "percent") or "100"
    words = [] if (kind, what) == ("abort", "500") else [kind, what]
    return (get_first_answer(answers, "user"), *words, *([f"{share}%"] if share != "100" else []))


def find_fault_mistakes(answers: Answers) -> dict[str, Text]:
    """Return mistakes by question; each is checked alone, so that the text stands under the
    wrong input.
    """
    kind = get_first_answer(answers, "kind") or "abort"
    part = "seconds" if kind == "delay" else "code"
    value = get_first_answer(answers, part)
    share = get_first_answer(answers, "percent") or "100"
    found = {}
    for name, words in ((part, (kind, value) if value else ()), ("percent", (f"{share}%",))):
        if mistake := find_mistake(words):
            found[name] = mistake
    if get_first_answer(answers, "user").lower() == "off":
        found["user"] = Text("Name a user; `fault off` is typed, or pressed.")
    return found


def find_mistake(words: tuple[str, ...]) -> Text:
    """Return what is wrong with the words of a fault, or EMPTY."""
    try:
        faults.read_fault(words)
    except ValueError as problem:
        mistake = problem.args[0]
        told = mistake if isinstance(mistake, Text) else verbatim(str(mistake))
        return Text("This does not fit: {mistake}.", mistake=told)
    return EMPTY


FAULT = Form(
    (
        Question(
            "user",
            Text("User"),
            Text("who gets the fault, by the name that the page knows, e.g. jason"),
            needed=True,
            longest=40,
        ),
        Question(
            "kind",
            Text("Fault"),
            Text("abort: fails at once; delay: waits"),
            "one",
            ("abort", "delay"),
            ("abort",),
            True,
        ),
        Question(
            "code",
            Text("Status"),
            Text("of an abort, 400 to 599"),
            "number",
            initial=("500",),
            least="400",
            most="599",
        ),
        Question(
            "seconds",
            Text("Seconds"),
            Text(
                "of a delay, {shortest:g} to {longest:g}",
                shortest=faults.SHORTEST,
                longest=faults.LONGEST,
            ),
            initial=("2",),
            longest=10,
        ),
        Question(
            "percent",
            Text("Percentage"),
            Text("of the requests"),
            "number",
            initial=("100",),
            least="1",
            most="100",
        ),
    ),
    build_fault_words,
    find_fault_mistakes,
)


def build_share_words(answers: Answers) -> tuple[str, ...]:
    """Return the words that would be typed, such as `v1=50 v3=50`, without versions that get
    nothing.
    """
    return tuple(
        f"{v}={share}" for v in VERSIONS if (share := get_first_answer(answers, v) or "0") != "0"
    )


def find_share_mistakes(answers: Answers) -> dict[str, Text]:
    """Return mistakes by question: the shares must be whole and make 100."""
    try:
        total = sum(int(get_first_answer(answers, version) or 0) for version in VERSIONS)
    except ValueError:
        return {VERSIONS[0]: Text("Shares are whole percentages.")}
    if total == 100:
        return {}
    mistake = Text("The shares make {total} %; together they must make 100 %.", total=total)
    return {VERSIONS[-1]: mistake}


SHARES = Form(
    tuple(
        Question(
            version,
            Text("reviews {version}", version=version),
            Text("percentage of all requests"),
            "one",
            TENS,
            (share,),
            True,
        )
        for version, share in zip(VERSIONS, ("50", "0", "50"), strict=True)
    ),
    build_share_words,
    find_share_mistakes,
)


async def read_route_in_force(context: Context) -> Answers:
    """Read the user and the version of the route in force."""
    now = await take_snapshot(context)
    user = find_routed_user(now)
    version = find_reviews_version(now, user)
    return (
        {"user": (user,), **({"version": (version,)} if version in VERSIONS else {})}
        if user
        else {}
    )


async def read_fault_in_force(context: Context) -> Answers:
    """Read the user whom a fault hits already, or else the one for whom a fault would be
    visible.
    """
    now = await take_snapshot(context)
    user = find_faulted_user(now) or find_routed_user(now)
    return {"user": (user,)} if user else {}


async def read_shares_in_force(context: Context) -> Answers:
    """Read the weights in force; empty when they are not ones that the form can show."""
    now = await take_snapshot(context)
    http = (now.virtual_services.get("reviews") or {"spec": {}})["spec"].get("http") or []
    rules = (now.routes.get("reviews") or {"spec": {}})["spec"].get("rules") or []
    found = {
        r["destination"].get("subset"): r.get("weight")
        for rule in http
        for r in rule.get("route") or []
    }
    found |= {
        b["name"].removeprefix("reviews-"): b.get("weight")
        for r in rules
        for b in r.get("backendRefs") or []
    }
    shares = {version: (str(found.get(version) or 0),) for version in VERSIONS}
    whole = all(share in TENS for (share,) in shares.values())
    return shares if whole and sum(int(share) for (share,) in shares.values()) == 100 else {}

"""Forms for faults and shares, whose words on the command line are not one option each,
and their initial values.
"""

from __future__ import annotations

from bot.knowledge.routing import faults
from bot.knowledge.routing.manifests import VERSIONS, find_faulted_user, find_reviews_version
from bot.knowledge.snapshot import Snapshot, take_snapshot
from bot.steps import Answers, Context, Form, Question

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


def find_fault_mistakes(answers: Answers) -> dict[str, str]:
    """Return mistakes by question; each is checked alone, so that the text stands under the
    wrong input.
    """
    kind = get_first_answer(answers, "kind") or "abort"
    part, value = (
        ("seconds", get_first_answer(answers, "seconds"))
        if kind == "delay"
        else ("code", get_first_answer(answers, "code"))
    )
    found = {}
    for name, words in (
        (part, (kind, value) if value else ()),
        ("percent", (f"{get_first_answer(answers, 'percent') or 100}%",)),
    ):
        try:
            faults.read_fault(words)
        except ValueError as problem:
            found[name] = f"{str(problem)[0].upper()}{str(problem)[1:]}."
    if get_first_answer(answers, "user").lower() == "off":
        found["user"] = "Name a user; `fault off` is typed, or pressed."
    return found


USER = Question(
    "user",
    "User",
    "who is hurt, by the name that the page knows, e.g. jason",
    needed=True,
    longest=40,
)
KIND = Question(
    "kind",
    "Fault",
    "abort: fails at once; delay: waits",
    "one",
    ("abort", "delay"),
    ("abort",),
    True,
)
CODE = Question(
    "code", "Status", "of an abort, 400 to 599", "number", initial=("500",), least="400", most="599"
)
SECONDS = Question(
    "seconds",
    "Seconds",
    f"of a delay, {faults.SHORTEST:g} to {faults.LONGEST:g}",
    initial=("2",),
    longest=10,
)
PERCENT = Question(
    "percent", "Percentage", "of the requests", "number", initial=("100",), least="1", most="100"
)
FAULT = Form((USER, KIND, CODE, SECONDS, PERCENT), build_fault_words, find_fault_mistakes)


def build_share_words(answers: Answers) -> tuple[str, ...]:
    """Return the words that would be typed, such as `v1=50 v3=50`, without versions that get
    nothing.
    """
    return tuple(
        f"{v}={share}" for v in VERSIONS if (share := get_first_answer(answers, v) or "0") != "0"
    )


def find_share_mistakes(answers: Answers) -> dict[str, str]:
    """Return mistakes by question: the shares must be whole and make 100."""
    try:
        total = sum(int(get_first_answer(answers, version) or 0) for version in VERSIONS)
    except ValueError:
        return {VERSIONS[0]: "Shares are whole percentages."}
    return (
        {}
        if total == 100
        else {VERSIONS[-1]: f"The shares make {total} %; together they must make 100 %."}
    )


SHARES = Form(
    tuple(
        Question(v, f"reviews {v}", "percentage of all requests", "one", TENS, (share,), True)
        for v, share in zip(VERSIONS, ("50", "0", "50"), strict=True)
    ),
    build_share_words,
    find_share_mistakes,
)


def find_routed_user(now: Snapshot) -> str:
    """Return the user whom the rules for reviews name, or ""."""
    http = (now.virtual_services.get("reviews") or {"spec": {}})["spec"].get("http") or []
    rules = (now.routes.get("reviews") or {"spec": {}})["spec"].get("rules") or []
    users = [
        m.get("headers", {}).get("end-user", {}).get("exact")
        for rule in http
        for m in rule.get("match") or []
    ]
    users += [
        h.get("value")
        for rule in rules
        for m in rule.get("matches") or []
        for h in m.get("headers") or []
    ]
    return str(next(filter(None, users), ""))


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

"""Forms for faults and shares, whose words on the command line are not one option each; and what they begin with."""

from __future__ import annotations

from bot.knowledge import faults
from bot.knowledge.routing import VERSIONS, faulted, reviews_of
from bot.knowledge.snapshot import Snapshot, take
from bot.steps import Answers, Context, Form, Question

TENS = tuple(str(share) for share in range(0, 101, 10))


def first(answers: Answers, name: str) -> str:
    """An answer of one word, "" when there is none."""
    return (*answers.get(name, ()), "")[0].strip()


def fault_words(answers: Answers) -> tuple[str, ...]:
    """`jason delay 2s 50%`."""
    kind = first(answers, "kind") or "abort"
    what = f"{first(answers, 'seconds') or '2'}s" if kind == "delay" else first(answers, "code") or "500"
    share = first(answers, "percent") or "100"
    words = [] if (kind, what) == ("abort", "500") else [kind, what]
    return (first(answers, "user"), *words, *([f"{share}%"] if share != "100" else []))


def fault_faults(answers: Answers) -> dict[str, str]:
    """Each part by itself, so that the words stand under the part that is wrong."""
    kind = first(answers, "kind") or "abort"
    part, value = ("seconds", first(answers, "seconds")) if kind == "delay" else ("code", first(answers, "code"))
    found = {}
    for name, words in ((part, (kind, value) if value else ()), ("percent", (f"{first(answers, 'percent') or 100}%",))):
        try:
            faults.read(words)
        except ValueError as problem:
            found[name] = f"{str(problem)[0].upper()}{str(problem)[1:]}."
    if first(answers, "user").lower() == "off":
        found["user"] = "Name a user; `fault off` is typed, or pressed."
    return found


USER = Question("user", "User", "who is hurt, by the name that the page knows, e.g. jason", needed=True, longest=40)
KIND = Question("kind", "Fault", "abort: fails at once; delay: waits", "one", ("abort", "delay"), ("abort",), True)
CODE = Question("code", "Status", "of an abort, 400 to 599", "number", initial=("500",), least="400", most="599")
SECONDS = Question(
    "seconds", "Seconds", f"of a delay, {faults.SHORTEST:g} to {faults.LONGEST:g}", initial=("2",), longest=10
)
PERCENT = Question("percent", "Percentage", "of the requests", "number", initial=("100",), least="1", most="100")
FAULT = Form((USER, KIND, CODE, SECONDS, PERCENT), fault_words, fault_faults)


def share_words(answers: Answers) -> tuple[str, ...]:
    """`v1=50 v3=50`: only versions that get something."""
    return tuple(f"{v}={share}" for v in VERSIONS if (share := first(answers, v) or "0") != "0")


def share_faults(answers: Answers) -> dict[str, str]:
    """The shares must make 100."""
    try:
        total = sum(int(first(answers, version) or 0) for version in VERSIONS)
    except ValueError:
        return {VERSIONS[0]: "Shares are whole percentages."}
    return {} if total == 100 else {VERSIONS[-1]: f"The shares make {total} %; together they must make 100 %."}


SHARES = Form(
    tuple(
        Question(v, f"reviews {v}", "percentage of all requests", "one", TENS, (share,), True)
        for v, share in zip(VERSIONS, ("50", "0", "50"), strict=True)
    ),
    share_words,
    share_faults,
)


def routed(now: Snapshot) -> str:
    """The user whom the rules for reviews name, or ""."""
    http = (now.virtual_services.get("reviews") or {"spec": {}})["spec"].get("http") or []
    rules = (now.routes.get("reviews") or {"spec": {}})["spec"].get("rules") or []
    users = [m.get("headers", {}).get("end-user", {}).get("exact") for rule in http for m in rule.get("match") or []]
    users += [h.get("value") for rule in rules for m in rule.get("matches") or [] for h in m.get("headers") or []]
    return str(next(filter(None, users), ""))


async def route_standing(context: Context) -> Answers:
    """The user and the version of the route in force."""
    now = await take(context)
    user = routed(now)
    version = reviews_of(now, user)
    return {"user": (user,), **({"version": (version,)} if version in VERSIONS else {})} if user else {}


async def fault_standing(context: Context) -> Answers:
    """The user who is hurt already, or else the one for whom a fault would be seen."""
    now = await take(context)
    user = faulted(now) or routed(now)
    return {"user": (user,)} if user else {}


async def shares_standing(context: Context) -> Answers:
    """The weights in force, where they are ones that the form can show."""
    now = await take(context)
    http = (now.virtual_services.get("reviews") or {"spec": {}})["spec"].get("http") or []
    rules = (now.routes.get("reviews") or {"spec": {}})["spec"].get("rules") or []
    found = {r["destination"].get("subset"): r.get("weight") for rule in http for r in rule.get("route") or []}
    found |= {b["name"].removeprefix("reviews-"): b.get("weight") for r in rules for b in r.get("backendRefs") or []}
    shares = {version: (str(found.get(version) or 0),) for version in VERSIONS}
    whole = all(share in TENS for (share,) in shares.values())
    return shares if whole and sum(int(share) for (share,) in shares.values()) == 100 else {}

"""Bookinfo's applications as they answer over HTTP (images 1.20.x): details, ratings and reviews;
see productpage.

Paths, status codes, JSON and time limits are those of the images; the words in them are our own.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from sandbox.cluster.contract import Object
from sandbox.dataplane.apps.app_settings import PORT, AppSettings, read_settings
from sandbox.dataplane.apps.productpage import ProductPage
from sandbox.dataplane.engine.http_messages import Ask, Call, Reply

JAVA_START_SECONDS = 25.0
"""Simulated seconds after its start in which a reviews pod is Ready and answers nothing yet (Open
Liberty)."""
_RATINGS = {"Reviewer1": 5, "Reviewer2": 4}
_REVIEWS = (
    (
        "Reviewer1",
        "I laughed from the first scene to the last. Two pairs of twins are two too many!",
    ),
    (
        "Reviewer2",
        "Light, quick and full of mistaken people, though less deep than the later plays.",
    ),
)
_BOOK = {
    "id": 0,
    "author": "William Shakespeare",
    "year": 1595,
    "type": "paperback",
    "pages": 200,
    "publisher": "PublisherA",
    "language": "English",
    "ISBN-10": "1234567890",
    "ISBN-13": "123-1234567890",
}
_STARS = {"v2": ("black", 10.0), "v3": ("red", 2.5)}
"""Colour of the stars, and seconds that reviews waits for ratings, by version."""
_DATABASES = {"mongodb": 27017, "mysqldb": 3306}
"""Ports of the samples' databases."""
_TURNS = {"v-unavailable": 60.0, "v-unhealthy": 900.0}
"""Seconds after which ratings of these modes fails, and answers again."""
_DELAY_SECONDS = 7.0
_DATABASE_SECONDS = 30.0
"""How long ratings v2 tries to reach its database."""
_PASSED_ON = (
    "x-request-id",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "traceparent",
    "tracestate",
    "end-user",
    "user-agent",
    "cookie",
    "authorization",
    "jwt",
)
"""Headers that reviews hands on to ratings."""


class App(Protocol):
    """A program that answers HTTP in one pod."""

    start_seconds: float
    """Simulated seconds between the container's start and the first answer."""
    port: int
    """Where it listens."""

    def answer(self, call: Call, now: float, ask: Ask) -> Reply:
        """Return the reply to a request that arrives at `now`; `ask` sends the application's own
        requests.
        """
        ...


def create_app(pod: Object, chance: random.Random) -> App | None:
    """Return the application in a pod, by image and labels; None when it is none of
    Bookinfo's.
    """
    labels = pod["metadata"].get("labels") or {}
    container: Object = next(
        (c for c in pod["spec"]["containers"] if "examples-bookinfo-" in c.get("image", "")), {}
    )
    image = str(container.get("image", ""))
    name, _, version = image.rpartition("examples-bookinfo-")[2].partition(":")[0].partition("-")
    version = version or labels.get("version", "v1")
    settings = read_settings(container)
    match name:
        case "productpage":
            return ProductPage(chance, port=settings.listens, settings=settings)
        case "details":
            return Details(chance, port=settings.listens)
        case "ratings":
            base = find_database(container) if version == "v2" else None
            return Ratings(chance, base, port=settings.listens, mode=settings.mode)
        case "mongodb" | "mysqldb":
            return Database(_DATABASES[name])
        case "reviews":
            return Reviews(chance, pod["metadata"]["name"], version, settings=settings)
    return None


def find_database(container: Object) -> tuple[str, int]:
    """Return the host and port of the database that ratings v2 is told to use."""
    env = {e["name"]: str(e.get("value", "")) for e in container.get("env") or ()}
    if env.get("DB_TYPE") == "mysql":
        return env.get("MYSQL_DB_HOST", ""), int(env.get("MYSQL_DB_PORT") or _DATABASES["mysqldb"])
    address = urlsplit(env.get("MONGO_DB_URL", ""))
    return address.hostname or "", address.port or _DATABASES["mongodb"]


def draw_work_time(chance: random.Random, milliseconds: float) -> float:
    """Return seconds of work around that median, with the long tail that servers have."""
    return milliseconds / 1000 * chance.lognormvariate(0, 0.35)


def build_json_reply(end: float, body: object, status: int = 200) -> Reply:
    """Return an answer in JSON."""
    return Reply(end, status, json.dumps(body).encode(), {"content-type": "application/json"})


def build_not_found_reply(end: float) -> Reply:
    """Return the answer to a path that the application does not have."""
    return Reply(end, 404, b"not found", {"content-type": "text/plain"})


@dataclass
class Database:
    """A database of the samples: whoever reaches it has the stars."""

    port: int
    start_seconds: float = 5.0

    def answer(self, call: Call, now: float, ask: Ask) -> Reply:
        """Take a connection."""
        return Reply(now, 200)


@dataclass
class Details:
    """details-v1: the data of the one book."""

    chance: random.Random
    start_seconds: float = 1.0
    port: int = PORT

    def answer(self, call: Call, now: float, ask: Ask) -> Reply:
        """Answer `/details/ID` and `/health`."""
        end = now + draw_work_time(self.chance, 2)
        if call.path == "/health":
            return build_json_reply(end, {"status": "Details is healthy"})
        if not call.path.startswith("/details/"):
            return build_not_found_reply(end)
        number = call.path.rpartition("/")[2]
        if not number.isdigit():
            return build_json_reply(end, {"error": "please provide numeric product id"}, 400)
        return build_json_reply(end, {**_BOOK, "id": int(number)})


@dataclass
class Ratings:
    """ratings: stars by reviewer; version 2 has them from a database."""

    chance: random.Random
    database: tuple[str, int] | None = None
    start_seconds: float = 0.5
    port: int = PORT
    mode: str = ""
    """How it is told to misbehave (SERVICE_VERSION): half of the time `v-faulty` fails and
    `v-delayed` is slow, `v-unavailable` fails every other minute, `v-unhealthy` every other
    quarter of an hour."""
    since: float = -1.0

    def answer(self, call: Call, now: float, ask: Ask) -> Reply:
        """Answer `/ratings/ID` and `/health`."""
        end = now + draw_work_time(self.chance, 1.5)
        self.since = now if self.since < 0 else self.since
        if call.path == "/health":
            if self.mode == "v-unhealthy" and self._fails(now):
                return build_json_reply(end, {"status": "Ratings is not healthy"}, 500)
            return build_json_reply(end, {"status": "Ratings is healthy"})
        if not call.path.startswith("/ratings/"):
            return build_not_found_reply(end)
        number = call.path.rpartition("/")[2]
        if not number.isdigit():
            return build_json_reply(end, {"error": "please provide numeric product ID"}, 400)
        return self._rate(int(number), now, end, ask)

    def _rate(self, number: int, now: float, end: float, ask: Ask) -> Reply:
        if self._fails(now):
            return build_json_reply(end, {"error": "Service unavailable"}, 503)
        if self.mode == "v-delayed" and self.chance.random() <= 0.5:
            end += _DELAY_SECONDS
        if self.database is not None:
            reached = ask(Call(*self.database, "/"), end, _DATABASE_SECONDS)
            end = reached.end
            if not reached.ok:
                words = "could not connect to ratings database"
                return build_json_reply(end, {"error": words}, 500)
        return build_json_reply(end, {"id": number, "ratings": _RATINGS})

    def _fails(self, now: float) -> bool:
        if self.mode == "v-faulty":
            return self.chance.random() <= 0.5
        turn = _TURNS.get(self.mode)
        return turn is not None and int((now - self.since) / turn) % 2 == 1


@dataclass
class Reviews:
    """reviews: version 1 shows no stars, 2 black ones, 3 red ones; versions 2 and 3 ask ratings."""

    chance: random.Random
    pod: str
    version: str
    start_seconds: float = JAVA_START_SECONDS
    port: int = PORT
    settings: AppSettings = AppSettings()

    def answer(self, call: Call, now: float, ask: Ask) -> Reply:
        """Answer `/reviews/ID` and `/health`."""
        now += draw_work_time(self.chance, 5)
        if call.path == "/health":
            return build_json_reply(now, {"status": "Reviews is healthy"})
        number = call.path.removeprefix("/reviews/")
        if number == call.path or not number.isdigit():
            return build_not_found_reply(now)
        color, patience = _STARS.get(self.version if self.settings.ratings else "", ("", 0.0))
        stars: dict[str, int] | None = None
        if color:
            headers = {name: call.headers[name] for name in _PASSED_ON if name in call.headers}
            place = self.settings.find_address("ratings")
            asked = Call(*place, f"/ratings/{number}", headers=headers)
            rated = ask(asked, now, patience)
            now = rated.end + draw_work_time(self.chance, 1)
            stars = json.loads(rated.body)["ratings"] if rated.ok else None
        reviews = [self._build_review(name, text, color, stars) for name, text in _REVIEWS]
        body = {"id": number, "podname": self.pod, "clustername": "null", "reviews": reviews}
        return build_json_reply(now, body)

    def _build_review(
        self, name: str, text: str, color: str, stars: dict[str, int] | None
    ) -> Object:
        review: Object = {"reviewer": name, "text": text}
        if not color:
            return review
        if stars is None:
            return review | {"rating": {"error": "Ratings service is currently unavailable"}}
        return review | {"rating": {"stars": stars.get(name, -1), "color": color}}

"""The applications by themselves: paths, sessions, JSON, and what they hand on."""

from __future__ import annotations

import json
import random

import pytest

from sandbox.cluster.contract import Object
from sandbox.dataplane.apps.productpage import ProductPage, select_forwarded_headers
from sandbox.dataplane.apps.services import create_app
from sandbox.dataplane.engine.http_messages import Call, Reply
from tests.sandbox.dataplane.engine.place import Place, Seen, rules

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/productpage", 200),
        ("/health", 200),
        ("/", 200),
        ("/metrics", 200),
        ("/static/site.css", 200),
        ("/api/v1/products", 200),
        ("/api/v1/products/0", 200),
        ("/api/v1/products/0/ratings", 200),
        ("/api/v1/products/0/nonesuch", 404),
        ("/api/v1/products/zero", 404),
        ("/login", 405),
        ("/None", 404),
    ],
)
def test_the_paths_of_productpage(path: str, status: int) -> None:
    """As the image answers, reached without the gateway."""
    assert Place().ask(path, pod="productpage").status == status


def test_nobody_is_asked_to_sign_in() -> None:
    """The page offers the button, and shows book and reviews."""
    page = Place().page()
    assert "<title>Simple Bookstore App</title>" in page.text
    assert 'id="sign-in-button"' in page.text
    assert "Book Details" in page.text
    assert "Book Reviews" in page.text


def test_logging_in_leads_back_with_a_cookie() -> None:
    """302 to the Referer; whoever comes with the cookie is greeted by name."""
    place = Place()
    reply = place.ask(
        "/login",
        method="POST",
        body=b"username=jason&passwd=x",
        headers={**FORM, "referer": "/here"},
    )
    assert (reply.status, reply.headers["location"]) == (302, "/here")
    assert reply.headers["set-cookie"].endswith("; HttpOnly; Path=/")
    page = place.page("jason")
    assert page.user == "jason"
    assert "Sign out" in page.text


def test_logging_in_without_a_referer_leads_nowhere() -> None:
    """The Location is the word None, and the cookie is set all the same."""
    reply = Place().ask("/login", method="POST", body=b"username=jason&passwd=", headers=FORM)
    assert reply.headers["location"] == "None"
    assert reply.headers["set-cookie"].startswith("session=")


def test_logging_out_takes_the_session() -> None:
    """An empty cookie that has run out."""
    reply = Place().ask("/logout", headers={"referer": "/productpage"})
    assert (reply.status, "Max-Age=0" in reply.headers["set-cookie"]) == (302, True)


@pytest.mark.parametrize(
    "cookie", ["session=x", "session=eyJ1c2VyIjoiamFzb24ifQ.forged", "session=", "other=1"]
)
def test_a_forged_session_is_nobody(cookie: str) -> None:
    """Only what productpage has signed counts."""
    assert Seen.of(Place().ask("/productpage", headers={"cookie": cookie})).user == ""


def test_a_user_cannot_write_html() -> None:
    """Names are escaped."""
    assert "<b>" not in Place().page("<b>x").user


def test_the_header_end_user_comes_from_the_session_alone() -> None:
    """Whoever sends it gets what nobody gets; other headers are handed on."""
    place = Place(rules=rules("1.30.3", "destination-rule-all", "virtual-service-reviews-test-v2"))
    reply = place.ask("/productpage", headers={"end-user": "jason"})
    assert Seen.of(reply).version == "reviews-v1"
    headers = {"end-user": "jason", "x-request-id": "1", "x-b3-traceid": "2", "accept": "*/*"}
    assert set(select_forwarded_headers(Call("productpage", 9080, "/", headers=headers))) == {
        "x-request-id",
        "x-b3-traceid",
    }


@pytest.mark.parametrize(("version", "stars"), [("v1", ""), ("v2", "black"), ("v3", "red")])
def test_each_version_has_its_stars(version: str, stars: str) -> None:
    """None, black ones, red ones: five and four of five."""
    others = tuple(f"reviews-v{n}" for n in (1, 2, 3) if f"v{n}" != version)
    page = Place(gone=others).page()
    assert (page.version, page.stars) == (f"reviews-{version}", stars)
    assert page.text.count("glyphicon-star") == (9 if stars else 0)


def test_lost_details_are_said_on_the_page() -> None:
    """The page is 200 and the API says 500, as nobody listens."""
    place = Place(mode="plain", gone=("details-v1",))
    page = place.page()
    assert (page.status, "Error fetching product details" in page.text) == (200, True)
    reply = place.ask("/api/v1/products/0")
    assert reply.status == 500
    assert json.loads(reply.body)["error"].startswith("Sorry, product details")


@pytest.mark.parametrize(
    ("pod", "path", "status"),
    [
        ("details", "/details/0", 200),
        ("details", "/details/x", 400),
        ("details", "/health", 200),
        ("ratings", "/ratings/0", 200),
        ("ratings", "/ratings/x", 400),
        ("ratings", "/nothing", 404),
        ("reviews-v1", "/reviews/0", 200),
        ("reviews-v2", "/health", 200),
        ("reviews-v3", "/nothing", 404),
    ],
)
def test_the_other_applications(pod: str, path: str, status: int) -> None:
    """Each answers JSON on its paths and nothing on others."""
    assert Place().ask(path, pod=pod).status == status


def test_hosts_of_the_environment() -> None:
    """productpage asks whom it is told to ask, in the domain that it is told."""
    pod: Object = {
        "metadata": {"name": "p", "namespace": "bookinfo"},
        "spec": {
            "containers": [
                {
                    "image": "docker.io/istio/examples-bookinfo-productpage-v1:1.20.3",
                    "env": [
                        {"name": "REVIEWS_HOSTNAME", "value": "reviews-api"},
                        {"name": "SERVICES_DOMAIN", "value": "shop"},
                    ],
                }
            ]
        },
    }
    app = create_app(pod, random.Random(1))
    assert isinstance(app, ProductPage)
    assert app.settings.find_address("reviews") == ("reviews-api.shop", 9080)
    assert app.settings.find_address("details") == ("details.shop", 9080)


def build_part(name: str, *words: str, **env: str) -> Object:
    """A pod with one of Bookinfo's images, its command and its environment."""
    container: Object = {"name": name, "image": f"docker.io/istio/examples-bookinfo-{name}:1.20.3"}
    container |= {"command": list(words)} if words else {}
    container["env"] = [{"name": key, "value": value} for key, value in env.items()]
    return {"metadata": {"name": name, "labels": {}}, "spec": {"containers": [container]}}


@pytest.mark.parametrize(
    ("words", "port"),
    [
        (("node", "/opt/microservices/ratings.js", "9099"), 9099),
        (("sh", "-c", "exec node /opt/microservices/ratings.js 80"), 80),
        ((), 9080),
    ],
)
def test_a_program_listens_where_its_command_says(words: tuple[str, ...], port: int) -> None:
    """The port is an argument of the script."""
    app = create_app(build_part("ratings-v1", *words), random.Random(1))
    assert app is not None
    assert app.port == port


def test_productpage_asks_where_its_environment_says() -> None:
    """Host, domain and port of each part can be told."""
    asked: list[tuple[str, int]] = []

    def ask(call: Call, now: float, patience: float) -> Reply:
        asked.append((call.host, call.port))
        return Reply(now, 503)

    told = {"SERVICES_DOMAIN": "shop.example", "REVIEWS_SERVICE_PORT": "9081"}
    app = create_app(build_part("productpage-v1", **told), random.Random(1))
    assert app is not None
    app.answer(Call("productpage", 9080, "/productpage"), 0.0, ask)
    assert asked[:2] == [("details.shop.example", 9080), ("reviews.shop.example", 9081)]


def test_reviews_without_ratings_asks_nobody() -> None:
    """`ENABLE_RATINGS=false` makes of version 3 what version 1 is."""
    app = create_app(build_part("reviews-v3", ENABLE_RATINGS="false"), random.Random(1))
    assert app is not None

    def refuse(call: Call, now: float, patience: float) -> Reply:
        raise AssertionError(call)

    reply = app.answer(Call("reviews", 9080, "/reviews/0"), 0.0, refuse)
    assert all("rating" not in each for each in json.loads(reply.body)["reviews"])


def test_ratings_that_is_told_to_fail_does_every_other_minute() -> None:
    """`v-unavailable` answers 503 in the second minute, and in the third it does not."""
    app = create_app(build_part("ratings-v1", SERVICE_VERSION="v-unavailable"), random.Random(1))
    assert app is not None
    call = Call("ratings", 9080, "/ratings/0")
    answers = [app.answer(call, now, lambda *_: Reply(0.0, 0)).status for now in (0.0, 61.0, 121.0)]
    assert answers == [200, 503, 200]

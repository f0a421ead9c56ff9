"""The applications by themselves: paths, sessions, JSON, and what they hand on."""

from __future__ import annotations

import json
import random

import pytest

from sandbox.cluster.contract import Object
from sandbox.dataplane.apps.productpage import ProductPage, select_forwarded_headers
from sandbox.dataplane.apps.services import create_app
from sandbox.dataplane.engine.http_messages import Call
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
    assert app.hosts["reviews"] == "reviews-api.shop"
    assert app.hosts["details"] == "details.shop"

"""The HTML of productpage: text of our own, with the marks by which people and programs tell its
states apart.

The marks are those of the images 1.20.x: the title, the signed-in name, `Reviews served by:`, the
stars' classes, and the sentences that stand where something failed.
"""

from __future__ import annotations

from html import escape
from typing import Any

_STAR = (
    '<svg class="h-5 w-5" viewBox="0 0 20 20"><path id="{}" d="M10 1l3 6 6 1-5 4 2 7-6-4-6 4 '
    '2-7-5-4 6-1z"/></svg>'
)


STYLE_PATH = "/static/page.css"
STYLE = """
:root { color-scheme: light dark; font: 16px/1.55 system-ui, sans-serif; }
body { max-width: 46rem; margin: 0 auto; padding: 1.5rem; }
h1 { margin: 1.2rem 0 .4rem; } h4 { font-size: 1.1rem; margin: 1.6rem 0 .5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; margin: 0; }
dt { font-weight: 600; } dd { margin: 0; }
blockquote { margin: 1.2rem 0 .2rem; padding-left: .9rem; border-left: 4px solid #8886; }
form { display: flex; gap: .6rem; align-items: center; flex-wrap: wrap; }
input, button { font: inherit; padding: .3rem .7rem; border-radius: 6px; border: 1px solid #888; }
.h-5 { height: 1.5rem; } .text-red-500 { color: light-dark(#c81e1e, #ff8080); }
svg path { fill: currentcolor; stroke: currentcolor; } svg path#star-empty { fill: none; }
""".strip()


def _render_document(body: str, *, title: str = "Simple Bookstore App") -> str:
    head = (
        f'<head><meta charset="utf-8">\n<title>{title}</title>\n'
        f'<link rel="stylesheet" href="{STYLE_PATH}">\n</head>'
    )
    return f"<!DOCTYPE html>\n<html>\n{head}\n<body>\n{body}\n</body>\n</html>\n"


def render_index_page() -> str:
    """Return the first page, which leads to the product."""
    return _render_document(
        '<h1>A bookstore with one book</h1>\n<p><a href="/productpage">Show it</a></p>'
    )


def render_error_page(status: int) -> str:
    """Return the page for a path (404) or a method (405) that does not exist."""
    words = {404: "Not Found", 405: "Method Not Allowed"}[status]
    return f"<!doctype html>\n<html lang=en>\n<title>{status} {words}</title>\n<h1>{words}</h1>\n"


def render_product_page(*, user: str, details: tuple[bool, Any], reviews: tuple[bool, Any]) -> str:
    """Return the product's page; `details` and `reviews` say whether they came, and what
    came (or the error in its place).
    """
    parts = [
        _render_sign_in(user),
        "<h1>The Comedy of Errors</h1>",
        _render_details(*details),
        _render_reviews(*reviews),
    ]
    return _render_document("\n".join(parts))


def _render_sign_in(user: str) -> str:
    if not user:
        return (
            '<form method="post" action="login" name="login_form">'
            '<label>User <input name="username" autocomplete="off"></label> '
            '<input type="hidden" name="passwd" value="">'
            '<button id="sign-in-button" type="submit">Sign in</button></form>'
        )
    return (
        f'<p class="text-base font-medium text-gray-50">{escape(user)}</p>\n<a '
        f'href="/logout">Sign out</a>'
    )


def _render_failure(what: str, body: Any) -> str:
    heading = f'<h4 class="text-red-500">Error fetching product {what}</h4>'
    return f"{heading}\n<p>{escape(str(body.get('error', '')))}</p>"


def _render_details(came: bool, body: Any) -> str:
    if not came:
        return _render_failure("details", body)
    rows = "\n".join(
        f"<dt>{escape(str(k))}</dt><dd>{escape(str(v))}</dd>" for k, v in body.items() if k != "id"
    )
    return f"<h4>Book Details</h4>\n<dl>\n{rows}\n</dl>"


def _render_reviews(came: bool, body: Any) -> str:
    if not came:
        return _render_failure("reviews", body)
    return "<h4>Book Reviews</h4>\n" + "\n".join(
        _render_review(review, body["podname"]) for review in body["reviews"]
    )


def _render_review(review: Any, pod: str) -> str:
    quote = (
        f"<blockquote>{escape(review['text'])}</blockquote>\n<p>{escape(review['reviewer'])}</p>"
    )
    served = f"<p>Reviews served by:\n      {escape(pod)}</p>"
    return f"{quote}\n{served}\n{_render_stars(review.get('rating'))}"


def _render_stars(rating: Any) -> str:
    if not rating:
        return ""
    if "error" in rating:
        return f'<p class="text-red-500">{escape(rating["error"])}</p>'
    full, color = max(0, int(rating["stars"])), escape(rating["color"])
    stars = "".join(_STAR.format("glyphicon-star" if n < full else "star-empty") for n in range(5))
    return f'<div class="flex gap-x-1 text-{color}-500">{stars}</div>'

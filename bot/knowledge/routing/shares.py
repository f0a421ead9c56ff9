"""Shares of the requests to reviews, by version: parsed from words, and compared with what
requests met.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bot.errors import UserError
from bot.knowledge.routing.manifests import VERSIONS
from bot.knowledge.routing.request_proof import compute_wilson_interval, count_pages
from bot.ports import TrafficReport
from bot.text import Listed, Text


def check_weight_words(words: Sequence[str]) -> None:
    """Raise ValueError unless each word is a version and a whole percentage."""
    for word in words:
        if not re.fullmatch(r"v[123]=\d{1,3}", word):
            raise ValueError(Text("“{word}” is not a share such as v1=50", word=word))


def parse_weights(words: Sequence[str]) -> dict[str, int]:
    """Return the shares in percent by version. Raises UserError unless they are of different
    versions and make 100.
    """
    shares = {word[:2]: int(word[3:]) for word in words}
    if len(shares) != len(words) or sum(shares.values()) != 100:
        raise UserError(
            Text("The shares must be of different versions and make 100."),
            Text("Type `shift v1=50 v3=50`."),
        )
    return {version: shares[version] for version in VERSIONS if version in shares}


def list_weights(weights: Mapping[str, int]) -> Listed:
    """Return the shares as `v1 50 %, v3 50 %`."""
    return Listed(
        (
            Text("{name} {weight} %", name=version, weight=weight)
            for version, weight in weights.items()
        ),
        "comma",
    )


def has_expected_shares(weights: Mapping[str, int], seen: TrafficReport) -> bool:
    """Tell whether each wanted share lies in the confidence interval of the observed one, and
    no other version answered.
    """
    inside = [
        low <= weights.get(version, 0) / 100 <= high
        for version in VERSIONS
        for low, high in [compute_wilson_interval(seen.versions.get(version, 0), count_pages(seen))]
    ]
    wanted = {version for version, weight in weights.items() if weight}
    return count_pages(seen) > 0 and all(inside) and set(seen.versions) <= wanted


def describe_shares(weights: Mapping[str, int], seen: TrafficReport) -> tuple[Text, ...]:
    """Return a line for each version that was wanted or answered."""
    return tuple(
        describe_share(version, weights, seen)
        for version in VERSIONS
        if version in weights or seen.versions.get(version)
    )


def describe_share(version: str, weights: Mapping[str, int], seen: TrafficReport) -> Text:
    """Return one version's share as `v1: asked 50 %, seen 48 % (58 of 120 pages; by chance 39
    to 57 %)`.
    """
    hits, pages = seen.versions.get(version, 0), count_pages(seen)
    low, high = compute_wilson_interval(hits, pages)
    return Text(
        "{version}: asked {weight} %, seen {share:.0f} % ({hits} of {pages} pages; "
        "by chance {low:.0f} to {high:.0f} %)",
        version=version,
        weight=weights.get(version, 0),
        share=100 * hits / max(pages, 1),
        hits=hits,
        pages=pages,
        low=100 * low,
        high=100 * high,
    )

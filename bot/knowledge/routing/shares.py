"""Shares of the requests to reviews, by version: parsed from words, and compared with what
requests met.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from bot.errors import UserError
from bot.knowledge.routing.manifests import VERSIONS
from bot.knowledge.routing.request_proof import count_pages
from bot.ports import TrafficReport
from bot.text import Listed, Text

RARE = 0.00135
"""Part of a normal distribution that lies more than three standard deviations on one side."""


def read_weight_words(typed: object) -> object:
    """Return words such as `V1:50%`, or `v1` and `50` one after the other, as `v1=50`."""
    if not isinstance(typed, list | tuple) or not all(isinstance(word, str) for word in typed):
        return typed
    text = re.sub(r"\b(v[123])[ :=]+(?=\d)", r"\1=", " ".join(typed).lower())
    return text.replace("%", "").split()


def check_weight_words(words: Sequence[str]) -> None:
    """Raise ValueError unless each word is a version and a whole percentage.

    It has a Text, the word, and one that may have been meant.
    """
    for word in words:
        if not re.fullmatch(r"v[123]=\d{1,3}", word):
            digits = re.findall(r"\d+", word)
            near = [f"v{digits[0]}={digits[1]}"] if len(digits) == 2 and digits[0] in "123" else []
            raise ValueError(Text("“{word}” is not a share such as v1=50", word=word), word, *near)


def parse_weights(words: Sequence[str]) -> dict[str, int]:
    """Return the shares in percent by version. Raises UserError unless they are of different
    versions and make 100.
    """
    shares: dict[str, int] = {}
    for word in words:
        shares[word[:2]] = shares.get(word[:2], 0) + int(word[3:])
    total = sum(shares.values())
    fix = f"shift {suggest_weights(shares)}"
    hint = Text("Type `{fix}`.", fix=fix)
    if not words:
        raise UserError(Text("Which shares?"), hint, (fix,))
    if len(shares) != len(words):
        typed = Listed(words, "comma")
        raise UserError(Text("{typed} name a version twice.", typed=typed), hint, (fix,))
    if total != 100:
        asked = Listed(words, "and")
        raise UserError(
            Text(
                "{asked} make {total} %; together they must make 100 %.", asked=asked, total=total
            ),
            hint,
            (fix,),
        )
    return {version: shares[version] for version in VERSIONS if version in shares}


def suggest_weights(shares: Mapping[str, int]) -> str:
    """Return shares in the same proportions that make 100; what is missing goes to v3."""
    total = sum(shares.values())
    if len(shares) < 2 and total < 100:
        (version, share) = next(iter(shares.items()), ("v1", 50))
        wanted = {version: share, "v1" if version == "v3" else "v3": 100 - share}
    elif not total:
        wanted = {version: 100 if version == min(shares) else 0 for version in shares}
    else:
        wanted = {version: 100 * share // total for version, share in shares.items()}
        wanted[max(wanted)] += 100 - sum(wanted.values())
    return " ".join(f"{version}={wanted[version]}" for version in VERSIONS if version in wanted)


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
    """Tell whether each version answered as often as chance allows, and no other one did."""
    pages = count_pages(seen)
    inside = [
        low <= seen.versions.get(version, 0) <= high
        for version in VERSIONS
        for low, high in [compute_chance_range(weights.get(version, 0), pages)]
    ]
    return pages > 0 and all(inside) and set(seen.versions) <= set(VERSIONS)


def compute_chance_range(percent: int, pages: int) -> tuple[int, int]:
    """Return how many of the pages chance gives to a version with that share, least and most.

    Of a binomial distribution fewer and more than that come up once in 740 times each, as beyond
    three standard deviations.
    """
    share, below, low = percent / 100, 0.0, 0
    chances = [
        math.comb(pages, n) * share**n * (1 - share) ** (pages - n) for n in range(pages + 1)
    ]
    while low < pages and below + chances[low] < RARE:
        below += chances[low]
        low += 1
    above, high = 0.0, pages
    while high > 0 and above + chances[high] < RARE:
        above += chances[high]
        high -= 1
    return low, high


def describe_shares(weights: Mapping[str, int], seen: TrafficReport) -> tuple[Text, ...]:
    """Return a line for each version that was wanted or answered."""
    return tuple(
        describe_share(version, weights, seen)
        for version in VERSIONS
        if version in weights or seen.versions.get(version)
    )


def describe_share(version: str, weights: Mapping[str, int], seen: TrafficReport) -> Text:
    """Return one version's share as `v1: asked 50 %, seen 48 % (58 of 120 pages; by chance it
    may be 37 to 63 %)`.
    """
    hits, pages, weight = seen.versions.get(version, 0), count_pages(seen), weights.get(version, 0)
    if weight in (0, 100):
        return Text(
            "{version}: asked {weight} %, seen {share:.0f} % ({hits} of {pages} pages)",
            version=version,
            weight=weight,
            share=100 * hits / max(pages, 1),
            hits=hits,
            pages=pages,
        )
    low, high = compute_chance_range(weight, pages)
    return Text(
        "{version}: asked {weight} %, seen {share:.0f} % ({hits} of {pages} pages; "
        "by chance it may be {low:.0f} to {high:.0f} %)",
        version=version,
        weight=weight,
        share=100 * hits / max(pages, 1),
        hits=hits,
        pages=pages,
        low=100 * low / max(pages, 1),
        high=100 * high / max(pages, 1),
    )

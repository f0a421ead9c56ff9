"""`/mesh break` and `/mesh mend`: the page fails, Kiali says why, and everything is put back just
as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.knowledge.objects.desired import extract_desired_state
from sandbox.cluster.contract import Object, Ref
from tests.scenarios.stage import Stage, playing, words

pytestmark = pytest.mark.long

RULES = Ref("networking.istio.io", "destinationrules")


async def typed(stage: Stage, *lines: str) -> str:
    """Types one line after another; what the last one ends in."""
    said = ""
    for line in lines:
        said = words(await stage.type(line))
    return said


def own_rule() -> Object:
    """A DestinationRule with more in it than the workshop's."""
    subsets = [{"name": f"v{n}", "labels": {"version": f"v{n}"}} for n in (1, 2, 3)]
    policy = {"loadBalancer": {"simple": "RANDOM"}}
    spec = {
        "host": "reviews.bookinfo.svc.cluster.local",
        "subsets": subsets,
        "trafficPolicy": policy,
    }
    meta = {"name": "reviews", "namespace": "bookinfo", "annotations": {"why": "an exercise"}}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": meta,
        "spec": spec,
    }


@pytest.mark.parametrize("istio", ["1.30.3", "1.23.2"])
async def test_broken_and_mended(tmp_path: Path, istio: str) -> None:
    """Nobody gets reviews, Kiali shows KIA1107 twice; mended, the rule is what it was, whoever
    wrote into it."""
    async with playing(tmp_path, istio=istio) as (stage, _):
        await typed(
            stage, "/mesh install", "/mesh addons", "/mesh kiali", "/mesh bookinfo", "/mesh inject"
        )
        await typed(stage, "/mesh route jason")
        await stage.api.apply(own_rule())
        before: Object = await stage.api.get(RULES, "reviews", "bookinfo") or {}
        asked = await typed(stage, "/mesh break destinationrule")
        assert "deletes DestinationRule reviews, set by tests" in asked
        assert "trafficPolicy" in asked
        said = await typed(stage, 'click "Take it away"')
        assert "reviews failed 10" in said
        assert (
            "Kiali: KIA1107 Subset not found (warning, 2 times: spec/http[0]/route[0]/destination"
            in said
        )
        assert "response flag NC" in said
        assert "was already gone" in await typed(stage, "/mesh break")
        said = await typed(stage, "/mesh mend")
        assert "back just as it was (subsets v1, v2, v3)" in said
        assert "Kiali finds no KIA1107" in said
        after: Object = await stage.api.get(RULES, "reviews", "bookinfo") or {}
        assert extract_desired_state(after) == extract_desired_state(before)
        assert after["spec"]["trafficPolicy"] == {"loadBalancer": {"simple": "RANDOM"}}
        assert "nothing was changed" in await typed(stage, "/mesh mend")


async def test_a_rule_that_others_removed_is_made_anew(stage: Stage) -> None:
    """Without an image of it, the workshop's own rule makes the route whole."""
    await typed(stage, "/mesh install", "/mesh bookinfo", "/mesh inject", "/mesh route jason")
    await stage.api.delete(RULES, "reviews", "bookinfo")
    said = await typed(stage, "/mesh mend")
    assert "this bot did not remove the old one" in said
    assert "as jason, 10 pages: reviews v2 10" in said


async def test_without_kiali_half_of_it_is_not_seen(stage: Stage) -> None:
    """The page's error alone is not the whole answer: not yet, and Kiali is offered."""
    await typed(stage, "/mesh install", "/mesh bookinfo", "/mesh inject", "/mesh route jason")
    said = await typed(stage, "/mesh break -> not yet")
    assert "reviews failed 10" in said
    assert "there is no Kiali that could be asked" in said
    assert "/mesh kiali" in said


async def test_there_must_be_a_route(stage: Stage) -> None:
    """Nothing is broken where nothing would break."""
    await typed(stage, "/mesh install", "/mesh bookinfo", "/mesh inject")
    said = await typed(stage, "/mesh break -> not yet")
    assert "no VirtualService for reviews" in said
    assert "/mesh route jason" in said

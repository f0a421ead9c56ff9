"""A mistake is told to whoever made it, and to nobody else; no run is begun."""

from __future__ import annotations

import pytest

from sandbox.workspace.elements import list_button_labels
from tests.scenarios.stage import Stage, words

pytestmark = pytest.mark.long

MISTAKES = {
    "shift v1=60 v3=60": "v1=60 and v3=60 make 120 %",
    "shift v1=50 v1=50": "name a version twice",
    "reset nowhere": "no step called “nowhere”",
    "reset help": "help changes nothing",
    "reset bokinfo": "Did you mean `/mesh reset bookinfo`?",
    "install dmeo": "no profile “dmeo”",
    "install set=nonsense": "not a setting of Istio",
    "install set=values.nonsense=1": "Istio refuses these options",
    "install empty": "has no istiod",
    "ambient platform=k9s": "should be one of minikube",
    "fault jason in=nowhere": "nowhere is not a namespace of this workshop",
    "bookinfo in=nowhere": "nowhere is not a namespace of this workshop",
    "undo in=nowhere": "nowhere is not a namespace of this workshop",
    "traffic start until 25:99": "not a time of day",
    "ping every 1s": "often",
    'ping cron "99 * * * *"': "“99” does not fit in cron: a minute is 0 to 59",
    'ping cron "* 9-x * * *"': "“9-x” does not fit in cron: an hour is 0 to 23",
    "why nonsense": "no step called “nonsense”",
    "show nonsense": "no step called “nonsense”",
    "schedule remove s99": "There is no schedule s99",
}


async def test_mistakes_are_private(stage: Stage) -> None:
    """Also those that only the step itself finds, before it does anything."""
    for typed, says in MISTAKES.items():
        answer = await stage.type(f"/mesh {typed} -> error")
        assert answer.ephemeral_to, typed
        assert says in words(answer), typed
    public = [m for m in stage.workspace.list_messages() if not m.ephemeral_to]
    assert public == []


async def test_a_correction_is_a_button(stage: Stage) -> None:
    """What was probably meant is copied from the answer, or pressed."""
    answer = await stage.type("/mesh Stauts. -> error")
    assert "Did you mean `/mesh status`?" in words(answer)
    assert list_button_labels(answer.blocks) == ["/mesh status"]
    assert "steps are in place" in words(await stage.type('click "/mesh status"'))

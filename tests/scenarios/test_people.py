"""Who may do what, and what is said to those who may not or who mistype."""

from __future__ import annotations

import pytest

from sandbox.cluster.contract import Ref
from tests.scenarios.stage import Stage, words

pytestmark = pytest.mark.long

CRDS = Ref("apiextensions.k8s.io", "customresourcedefinitions")


async def test_an_attendee_may_not_install(stage: Stage) -> None:
    """The denial is for them alone, names the role, and who has it."""
    message = await stage.type("@alice: /mesh install -> error")
    assert message.ephemeral_to == stage.workspace.get_user("alice").id
    assert "needs the role host; you are attendee" in words(message)
    assert f"<@{stage.workspace.get_user('host').id}>" in words(message)
    assert await stage.api.list(CRDS) == []


async def test_only_a_host_confirms(stage: Stage) -> None:
    """An attendee's press on Confirm does nothing; the host's does it."""
    await stage.type("/mesh install")
    await stage.type("/mesh uninstall")
    denial = await stage.type('@alice: click "Confirm" -> error')
    assert "needs the role host" in words(denial)
    assert await stage.api.list(CRDS) != []
    assert "the mesh is gone" in words(await stage.type('click "Confirm"'))


@pytest.mark.parametrize(
    "command", ["status", "links -> not yet", "help", "help install", "whoami"]
)
async def test_everyone_may_look(stage: Stage, command: str) -> None:
    """Attendees may read; the answer is theirs alone."""
    message = await stage.type(f"@bob: /mesh {command}")
    assert message.ephemeral_to == stage.workspace.get_user("bob").id


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("/mesh instal", "Did you mean `/mesh install`?"),
        ("/mesh status in=kube-system", "kube-system is not a namespace of this workshop"),
        ("/mesh " + "x" * 10_000, "a command has at most"),
        ("/mesh <!channel> & `rm -rf /`", "There is no step called"),
        ("/mesh help nonesuch", "no step called “nonesuch”"),
        ("/mesh 👩‍💻", "There is no step called"),
    ],
)
async def test_mistakes_are_answered_to_the_one_who_made_them(
    stage: Stage, typed: str, says: str
) -> None:
    """An ephemeral answer says what to type instead, and the channel stays quiet."""
    message = await stage.type(f"{typed} -> error")
    assert says in words(message)
    assert message.ephemeral_to
    assert "<!channel>" not in message.text


async def test_status_can_be_shared(stage: Stage) -> None:
    """With `share` the whole channel sees it."""
    message = await stage.type("/mesh status share")
    assert message.ephemeral_to == ""
    assert "0 of 13 steps are in place" in words(message)

"""The comparison itself: that it sees what it must see, and that the tables are whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.recordings.differences import ALLOWED, Difference, between
from tests.contract.recordings.recorded import State, recording
from tests.contract.recordings.texts import read_texts

RECORDED: State = {
    "Pod a/b-…": (2, {"labels": {"app": "b"}, "init": [], "annotations": {"x": "begi…"}})
}


@pytest.mark.parametrize(
    ("found", "facets"),
    [
        ({"Pod a/b-…": (2, {"labels": {"app": "b"}, "annotations": {"x": "beginning"}})}, []),
        ({}, ["presence"]),
        ({"Pod a/b-…": (1, {"labels": {"app": "b"}, "annotations": {"x": "begin"}})}, ["count"]),
        ({"Pod a/b-…": (2, {"labels": {"app": "c"}, "annotations": {"x": "begin"}})}, ["labels"]),
        (
            {"Pod a/b-…": (2, {"labels": {"app": "b"}, "annotations": {"x": "other"}})},
            ["annotations"],
        ),
        (
            {
                "Pod a/b-…": (
                    2,
                    {"labels": {"app": "b"}, "init": ["i"], "annotations": {"x": "begin"}},
                )
            },
            ["init"],
        ),
    ],
)
def test_deviations_are_seen(found: State, facets: list[str]) -> None:
    """A missing object, another count and every other facet is a difference; an empty facet is
    none."""
    assert [difference.facet for difference in between(1, RECORDED, found)] == facets


@pytest.mark.parametrize("release", ["1.30.3", "1.23.2", "1.32-alpha"])
def test_a_table_holds_the_whole_run(release: str) -> None:
    """Forty-six commands in order; the mesh's objects come and go."""
    steps = recording(release).steps
    assert [step.number for step in steps] == list(range(1, 47))
    assert "apps/Deployment istio-system/istiod" in steps[8].state
    assert not [key for key in steps[-1].state if "bookinfo/" in key or "istio-system/" in key]


TEXT = """# restart
$ kubectl rollout restart deployment -n b
exit 1   (0.1 s)
--- stdout
done
--- stderr
no
--- objects: + new, - gone, ~ changed
+ Pod b/web-…  {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-23T05:12:02Z"}}
~ apps/ReplicaSet b/web-…  ×1 → ×2
"""


def test_what_was_written_down_is_read_as_the_tables_are(tmp_path: Path) -> None:
    """Command, exit code, both streams and changes; times as the tables have them."""
    (tmp_path / "01-restart.txt").write_text(TEXT)
    (row,) = read_texts(tmp_path)
    assert (row["name"], row["exit"], row["stdout"], row["stderr"]) == (
        "restart",
        1,
        ["done"],
        ["no"],
    )
    assert row["run"] == "kubectl rollout restart deployment -n b"
    assert row["objects"] == [
        ["+ Pod b/web-…", {"annotations": {"kubectl.kubernetes.io/restartedAt": "…"}}],
        "~ apps/ReplicaSet b/web-… ×1 → ×2",
    ]


def test_every_allowed_difference_has_a_reason_and_a_place() -> None:
    """An allowance covers what it names, and not any object at any step."""
    stranger = Difference(1, "ConfigMap nowhere/none", "mesh", "", "")
    assert all(len(allowed.reason) > 20 for allowed in ALLOWED)
    assert not any(allowed.covers(stranger, "1.30.3") for allowed in ALLOWED)

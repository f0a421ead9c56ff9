"""Words at `sidecar.istio.io/inject`: which refuse a sidecar, by release, and where they count."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.diagnosis.diagnose import diagnose
from bot.diagnosis.injection_rules import find_opt_out
from bot.diagnosis.mesh_state import NamespaceState
from tests.diagnosis.cases.sidecars import OPT_OUT
from tests.diagnosis.cluster import Cluster
from tests.diagnosis.shapes import APP


def as_of(cluster: Cluster, release: str) -> NamespaceState:
    """The state with another release of Istio."""
    return NamespaceState(replace(cluster.read(), release=release), APP)


@pytest.mark.parametrize(
    ("word", "old", "new"),
    [("false", True, True), ("no", True, False), ("off", True, False), ("Yes", False, False)],
)
def test_words_by_release(word: str, old: bool, new: bool) -> None:
    """Before 1.27 all but a few words for yes refused; since then `false` alone does."""
    meta = {"annotations": {OPT_OUT: word}}
    assert bool(find_opt_out(as_of(Cluster(), "1.23.2"), meta)) is old
    assert bool(find_opt_out(as_of(Cluster(), "1.30.3"), meta)) is new


def test_label_counts_before_annotation() -> None:
    """The newer way to say it counts, whatever the older says."""
    meta = {"labels": {OPT_OUT: "true"}, "annotations": {OPT_OUT: "false"}}
    assert find_opt_out(Cluster().state(), meta) is None


def test_word_is_shown_as_it_stands() -> None:
    """The evidence quotes the template."""
    cluster = Cluster()
    cluster.get_template("reviews-v3")["metadata"]["annotations"] = {OPT_OUT: "no"}
    cluster.replace_pods("reviews-v3")
    named = diagnose(as_of(cluster, "1.23.2")).broken
    assert [each.cause.id for each in named] == ["injection-opted-out"]
    assert '="no"' in str(named[0].findings[0].evidence[0])

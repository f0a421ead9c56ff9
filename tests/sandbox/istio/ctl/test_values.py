"""The `--set` language and the YAML it ends in."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.istio.istioctl_errors import SettingsError
from sandbox.istio.render.chart_values import merge_values, set_path, to_yaml


@pytest.mark.parametrize(
    ("setting", "tree"),
    [
        ("a.b=true", {"a": {"b": True}}),
        ("a=100.0", {"a": 100}),
        ("a=0.5", {"a": 0.5}),
        ("a=zipkin.istio-system:9411", {"a": "zipkin.istio-system:9411"}),
        ("a=b=c", {"a": "b=c"}),
        (r"a.x\.y/z=1", {"a": {"x.y/z": 1}}),
        ("a[0].name=n", {"a": [{"name": "n"}]}),
        ("a=", {"a": ""}),
    ],
)
def test_a_setting_becomes_a_tree(setting: str, tree: dict[str, Any]) -> None:
    """Paths, escaped dots, indexes and typed values are read as Istio's installer reads them."""
    made: dict[str, Any] = {}
    set_path(made, setting)
    assert made == tree


@pytest.mark.parametrize("setting", ["=1", "a[3].b=1", "s.deeper=1"])
def test_a_setting_that_does_not_fit_is_refused(setting: str) -> None:
    """No path, an index beyond the end, and a step into a text are errors, not silence."""
    with pytest.raises(SettingsError):
        set_path({"s": "text"}, setting)


def test_merging_keeps_what_is_not_mentioned() -> None:
    """Maps are merged deeply and neither side is changed."""
    under = {"a": {"b": 1, "c": [1]}}
    assert merge_values(under, {"a": {"c": [2]}}) == {"a": {"b": 1, "c": [2]}}
    assert under == {"a": {"b": 1, "c": [1]}}


def test_yaml_is_written_as_go_writes_it() -> None:
    """Keys are sorted, lists are not indented, texts that look like something else get double
    quotes."""
    assert to_yaml({"b": ["true"], "a": 100.0, "c": 0.5}) == 'a: 100\nb:\n- "true"\nc: 0.5'

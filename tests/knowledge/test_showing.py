"""What was applied, printed so that it fits."""

from __future__ import annotations

import pytest

from bot.kinds import CONFIG_MAP, NAMESPACE, Object
from bot.knowledge.observe.kiali_config import explain_version_mismatch
from bot.knowledge.workshop.manifest_text import (
    MAX_CHARACTERS,
    format_manifests,
    measure_line,
    select_images,
)
from bot.records import BeforeImage, Change


def config(name: str, **data: str) -> BeforeImage:
    """A ConfigMap that was applied."""
    after: Object = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": data,
    }
    return BeforeImage(CONFIG_MAP, "shop", name, None, after)


@pytest.mark.parametrize("value", ["x" * 200_000, "a: b\n" * 1000, "<&>" * 100])
def test_everything_fits(value: str) -> None:
    """However long a value or a manifest is, the lines stay within what a message takes."""
    images = [config("one", **{f"k{n}": value for n in range(40)}), config("two", k=value)]
    found = format_manifests(images)
    assert sum(map(measure_line, found.lines)) <= MAX_CHARACTERS
    assert found.left_out == ("ConfigMap two",)


def test_what_was_not_a_manifest_is_told_as_such() -> None:
    """Merges and deletions are marked."""
    labels = BeforeImage(NAMESPACE, "", "shop", {}, {"metadata": {"labels": {"a": None}}})
    lines = format_manifests([labels, BeforeImage(CONFIG_MAP, "shop", "gone", {}, None)]).lines
    assert lines[1] == "# kubectl patch namespaces shop --type=merge --patch-file=…"
    assert lines[-1] == "# kubectl delete configmaps gone -n shop"


@pytest.mark.parametrize("word", ["two", "TWO", ""])
def test_one_object_can_be_named(word: str) -> None:
    """By its name, however it is written; all without a word."""
    found = select_images(Change("r", "s", "s", (config("one"), config("two"))), word)
    assert found[-1].name == "two"
    assert len(found) == (1 if word else 2)


@pytest.mark.parametrize(
    ("istio", "kiali", "fits"),
    [
        ("1.23.2", "v1.87.0", True),
        ("1.23.2", "v2.0.0", True),
        ("1.23.2", "v2.26", False),
        ("1.23.2", "v1.86.0", False),
        ("1.30.3", "v2.26", True),
        ("1.30.3", "v1.87", False),
        ("1.30.3", "unknown", True),
        ("", "v2.26", True),
    ],
)
def test_kiali_must_fit_istio(istio: str, kiali: str, fits: bool) -> None:
    """By kiali.io's table of compatible versions; what cannot be read is not held against it."""
    assert (not explain_version_mismatch(istio, kiali)) is fits

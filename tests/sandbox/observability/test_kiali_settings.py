"""Kiali's configuration as it is read: names of hosts, defaults, old and new keys, versions."""

from __future__ import annotations

import pytest

from sandbox.observability.kiali.checked_mesh import expand_host
from sandbox.observability.kiali.settings import parse_settings
from sandbox.releases import RELEASES, find_kiali_traits


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("reviews", "reviews.bookinfo.svc.cluster.local"),
        ("reviews.other", "reviews.other.svc.cluster.local"),
        ("reviews.other.svc", "reviews.other.svc.cluster.local"),
        ("www.example.org", "www.example.org"),
        ("*", "*"),
    ],
)
def test_full_names(host: str, name: str) -> None:
    """Short names are those of the rule's own namespace."""
    assert expand_host(host, "bookinfo") == name


def test_defaults_of_the_configuration() -> None:
    """Without keys Kiali wants a token, uses Grafana and Prometheus in istio-system, and no
    tracing."""
    found = parse_settings("")
    assert (found.strategy, found.tracing.enabled, found.grafana.enabled) == ("token", False, True)
    assert (found.prometheus, found.validation_seconds) == (
        "http://prometheus.istio-system:9090",
        60,
    )


def test_newer_keys_win() -> None:
    """Kiali 2's names for links win over Kiali 1's; both are understood."""
    older = {"url": "http://old", "in_cluster_url": "http://inside-old", "enabled": True}
    newer = older | {"external_url": "http://new", "internal_url": "http://inside-new"}
    links = [
        parse_settings(f"external_services: {{tracing: {said}}}").tracing for said in (older, newer)
    ]
    assert [(each.external_url, each.internal_url) for each in links] == [
        ("http://old", "http://inside-old"),
        ("http://new", "http://inside-new"),
    ]


@pytest.mark.parametrize(
    "text", ["- a", "external_services: {istio: {validation_reconcile_interval: soon}}"]
)
def test_a_bad_configuration(text: str) -> None:
    """What is no configuration is refused."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_settings(text)


@pytest.mark.parametrize(
    ("tag", "known"),
    [
        ("v1.87", RELEASES["1.23.2"].kiali),
        ("v2.26", RELEASES["1.30.3"].kiali),
        ("v3.0.1", RELEASES["1.32-alpha"].kiali),
    ],
)
def test_versions(tag: str, known: object) -> None:
    """A Kiali that is not known counts as the
    newest."""
    assert find_kiali_traits(tag) is known

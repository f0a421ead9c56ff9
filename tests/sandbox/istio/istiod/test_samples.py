"""The samples directory: what `kubectl apply` finds there, in the order in which it was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.istio.samples import build_sample_files, write_samples

VERSIONS = ("1.23.2", "1.30.3")
BOOKINFO = """Service/details ServiceAccount/bookinfo-details Deployment/details-v1
Service/ratings ServiceAccount/bookinfo-ratings Deployment/ratings-v1
Service/reviews ServiceAccount/bookinfo-reviews Deployment/reviews-v1 Deployment/reviews-v2 Deployment/reviews-v3
Service/productpage ServiceAccount/bookinfo-productpage Deployment/productpage-v1"""
PROMETHEUS = "ServiceAccount ConfigMap ClusterRole ClusterRoleBinding Service Deployment"
KIALI = {
    "1.30.3": PROMETHEUS,
    "1.23.2": PROMETHEUS.replace(" Service D", " Role RoleBinding Service D"),
}


def named(objects: list[dict[str, Any]]) -> list[str]:
    """Kinds and names."""
    return [f"{o['kind']}/{o['metadata']['name']}" for o in objects]


@pytest.mark.parametrize("version", VERSIONS)
def test_bookinfo_is_applied_in_the_recorded_order(version: str) -> None:
    """kubectl prints a line for each object, in the file's order."""
    assert (
        named(build_sample_files(version)["bookinfo/platform/kube/bookinfo.yaml"])
        == BOOKINFO.split()
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_addons_are_applied_in_the_recorded_order(version: str) -> None:
    """The kinds of Prometheus and Kiali, the names of Grafana and Jaeger."""
    files = build_sample_files(version)
    assert [o["kind"] for o in files["addons/prometheus.yaml"]] == PROMETHEUS.split()
    assert [o["kind"] for o in files["addons/kiali.yaml"]] == KIALI[version].split()
    config = ["ConfigMap/jaeger"] if version == "1.30.3" else []
    services = ["Service/zipkin", "Service/jaeger-collector"]
    assert named(files["addons/jaeger.yaml"]) == [
        "Deployment/jaeger",
        "Service/tracing",
        *config,
        *services,
    ]
    assert named(files["addons/grafana.yaml"])[-1] == "ConfigMap/istio-services-grafana-dashboards"


@pytest.mark.parametrize(
    ("version", "image"),
    [
        ("1.23.2", "docker.io/istio/examples-bookinfo-reviews-v2:1.20.1"),
        ("1.30.3", "registry.istio.io/release/examples-bookinfo-reviews-v2:1.20.3"),
        ("1.32-alpha", "registry.istio.io/release/examples-bookinfo-reviews-v2:1.20.3"),
    ],
)
def test_images_are_the_releases_own(version: str, image: str) -> None:
    """A release that is newer than those known has the newest known's samples."""
    objects = build_sample_files(version)["bookinfo/platform/kube/bookinfo.yaml"]
    reviews = next(o for o in objects if o["metadata"]["name"] == "reviews-v2")
    assert reviews["spec"]["template"]["spec"]["containers"][0]["image"] == image


@pytest.mark.parametrize("version", VERSIONS)
def test_kialis_configuration_is_yaml_in_a_string(version: str) -> None:
    """The workshop parses it, edits it and writes it back."""
    kiali = build_sample_files(version)["addons/kiali.yaml"]
    config = yaml.safe_load(
        next(o for o in kiali if o["kind"] == "ConfigMap")["data"]["config.yaml"]
    )
    assert config["external_services"]["tracing"] == {"enabled": False}
    assert config["auth"]["strategy"] == "anonymous"
    assert ("istio_namespace" in config) == (version == "1.23.2")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_files_hold_what_the_tables_say(tmp_path: Path, version: str) -> None:
    """What is written can be read back, without YAML aliases."""
    write_samples(tmp_path, version)
    for path, objects in build_sample_files(version).items():
        text = (tmp_path / "samples" / path).read_text(encoding="utf-8")
        assert list(yaml.safe_load_all(text)) == objects
        assert "&id" not in text


def test_addons_are_not_injected() -> None:
    """Their pods say so themselves: namespace labels do not matter to them."""
    for path, objects in build_sample_files("1.30.3").items():
        for obj in objects:
            if path.startswith("addons/") and obj["kind"] == "Deployment":
                assert (
                    obj["spec"]["template"]["metadata"]["labels"]["sidecar.istio.io/inject"]
                    == "false"
                )

"""What an installation consists of, for each profile, release and setting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.istio.components.common import get_nested
from sandbox.istio.istioctl_errors import SettingsError
from sandbox.istio.profiles import NAMES
from sandbox.istio.render.render import merge_settings, render_components
from sandbox.releases import RELEASES

NEW, OLD = RELEASES["1.30.3"], RELEASES["1.23.2"]
CORE = ["Base", "Pilot"]


def rendered(*sets: str, release: str = "1.30.3", files: tuple[str, ...] = ()) -> dict[str, Any]:
    """The objects by `Kind/name`."""
    made = render_components(merge_settings(RELEASES[release], sets=sets, files=files))
    return {f"{o['kind']}/{o['metadata']['name']}": o for objects in made.values() for o in objects}


@pytest.mark.parametrize(
    ("profile", "components"),
    [
        ("default", [*CORE, "IngressGateways"]),
        ("demo", [*CORE, "IngressGateways", "EgressGateways"]),
        ("minimal", CORE),
        ("ambient", [*CORE, "Cni", "Ztunnel"]),
        ("empty", []),
    ],
)
@pytest.mark.parametrize("release", [NEW, OLD])
def test_profile_has_its_components(release: Any, profile: str, components: list[str]) -> None:
    """Each profile renders exactly the components that Istio's documentation names."""
    assert (
        list(render_components(merge_settings(release, sets=[f"profile={profile}"]))) == components
    )


@pytest.mark.parametrize("profile", NAMES)
def test_every_object_has_a_name_and_labels(profile: str) -> None:
    """No profile renders an object that could not be found again by its labels."""
    made = rendered(f"profile={profile}")
    assert all(obj["metadata"]["labels"] for obj in made.values())


def test_later_inputs_win(tmp_path: Path) -> None:
    """A file wins over the profile, and `--set` over the file."""
    file = tmp_path / "operator.yaml"
    file.write_text(
        "spec: {profile: ambient, meshConfig: {accessLogFile: /dev/stdout, enableTracing: false}}"
    )
    mesh = rendered("values.meshConfig.enableTracing=true", files=(str(file),))["ConfigMap/istio"][
        "data"
    ]["mesh"]
    assert "accessLogFile: /dev/stdout" in mesh
    assert "enableTracing: true" in mesh
    assert "imageType: distroless" in mesh


@pytest.mark.parametrize(
    ("setting", "kind", "path", "value"),
    [
        ("values.pilot.resources.requests.cpu=10m", "Deployment/istiod", "requests.cpu", "10m"),
        (
            "values.pilot.resources.requests.cpu=10m",
            "Deployment/istiod",
            "requests.memory",
            "2048Mi",
        ),
        (
            "components.pilot.k8s.resources.requests.cpu=7m",
            "Deployment/istiod",
            "requests.cpu",
            "7m",
        ),
        ("profile=demo", "Deployment/istio-ingressgateway", "requests.memory", "40Mi"),
    ],
)
def test_resources_are_requested_as_set(setting: str, kind: str, path: str, value: str) -> None:
    """Requests come from chart values, profiles and component overlays, and what is not set stays."""
    container = rendered(setting)[kind]["spec"]["template"]["spec"]["containers"][0]
    assert get_nested(container["resources"], path) == value


@pytest.mark.parametrize(
    ("settings_given", "image"),
    [
        ((), "docker.io/istio/pilot:1.30.3"),
        (("hub=example.org/mesh",), "example.org/mesh/pilot:1.30.3"),
        (("values.global.hub=example.org/mesh", "values.global.tag=x"), "example.org/mesh/pilot:x"),
        (("values.global.variant=debug",), "docker.io/istio/pilot:1.30.3-debug"),
        (("values.pilot.image=example.org/own:1",), "example.org/own:1"),
    ],
)
def test_image_follows_hub_tag_and_variant(settings_given: tuple[str, ...], image: str) -> None:
    """istiod's image is made of hub, tag and variant unless it is named whole."""
    container = rendered(*settings_given)["Deployment/istiod"]["spec"]["template"]["spec"][
        "containers"
    ][0]
    assert container["image"] == image


def test_a_revision_names_its_own_objects() -> None:
    """With a revision, istiod and its configuration stand beside the default ones."""
    made = rendered("revision=canary")
    assert {
        "Deployment/istiod-canary",
        "ConfigMap/istio-canary",
        "Service/istiod-canary",
    } <= made.keys()
    assert made["Deployment/istiod-canary"]["metadata"]["labels"]["istio.io/rev"] == "canary"


@pytest.mark.parametrize(
    ("setting", "release", "words"),
    [
        ("values.nope=1", NEW, 'unknown field "nope" in istio.operator.v1alpha1.Values'),
        ("values.pilot.nope=1", NEW, 'unknown field "nope" in istio.operator.v1alpha1.PilotConfig'),
        ("values.nope=1", OLD, 'unknown field "nope" in v1alpha1.Values'),
        ("nope=1", NEW, 'json: unknown field "nope"'),
        ("components.nope.enabled=true", NEW, 'json: unknown field "nope"'),
        ("profile=nope", NEW, 'profile "nope" not found'),
        ("profile=nope", OLD, "failed to read profile nope from : open profiles/nope.yaml"),
    ],
)
def test_an_unknown_name_is_refused(setting: str, release: Any, words: str) -> None:
    """What the installer does not know it refuses in its own words, before anything is rendered."""
    with pytest.raises(SettingsError) as caught:
        merge_settings(release, sets=[setting])
    assert words in caught.value.message


def test_budgets_and_the_values_map_depend_on_the_release() -> None:
    """1.23.2 has disruption budgets and no ConfigMap of values, 1.30.3 the other way round."""
    old, new = rendered(release="1.23.2"), rendered()
    assert ("PodDisruptionBudget/istiod" in old, "ConfigMap/values" in old) == (True, False)
    assert ("PodDisruptionBudget/istiod" in new, "ConfigMap/values" in new) == (False, True)


def test_an_ingress_gateway_can_be_kept_under_ambient() -> None:
    """Switching the gateway on by name adds it to a profile without one."""
    name, enabled = (
        "components.ingressGateways[0].name=istio-ingressgateway",
        "components.ingressGateways[0].enabled=true",
    )
    assert "Deployment/istio-ingressgateway" in rendered("profile=ambient", name, enabled)


@pytest.mark.parametrize("release", RELEASES)
def test_the_injector_has_the_charts_defaults(release: str) -> None:
    """A real `istioctl analyze` reads whether all namespaces are injected, and panics without it."""
    values = read_injector_values(release=release)
    assert values["sidecarInjectorWebhook"]["enableNamespacesByDefault"] is False
    assert values["global"]["proxy"]["includeIPRanges"] == "*"
    assert ("istio_cni" in values) == (release == "1.23.2")
    assert ("waypoint" in values["global"]) == (release != "1.23.2")


def test_the_injector_has_what_was_set() -> None:
    """Settings of an installation stand beside the defaults, and do not stay for the next."""
    values = read_injector_values(
        "values.sidecarInjectorWebhook.enableNamespacesByDefault=true",
        "values.global.proxy.privileged=true",
    )
    assert values["sidecarInjectorWebhook"]["enableNamespacesByDefault"] is True
    assert values["sidecarInjectorWebhook"]["rewriteAppHTTPProbe"] is True
    assert values["global"]["proxy"]["privileged"] is True
    assert read_injector_values()["global"]["proxy"]["privileged"] is False


def read_injector_values(*sets: str, release: str = "1.30.3") -> dict[str, Any]:
    """The `values` of ConfigMap `istio-sidecar-injector`."""
    found = rendered(*sets, release=release)["ConfigMap/istio-sidecar-injector"]
    return dict(json.loads(found["data"]["values"]))

"""Installing, changing and removing a mesh on the embedded cluster."""

from __future__ import annotations

import pytest

from sandbox.cluster.contract import Object, Ref
from sandbox.cluster.embedded import EmbeddedCluster
from sandbox.cluster.faults import ApiFault
from tests.sandbox.istio.ctl.conftest import Istioctl

DEPLOYMENTS = Ref("apps", "deployments")
CONFIG_MAPS = Ref("", "configmaps")
INJECTORS = Ref("admissionregistration.k8s.io", "mutatingwebhookconfigurations")
VALIDATORS = Ref("admissionregistration.k8s.io", "validatingwebhookconfigurations")
APPLIED = (
    DEPLOYMENTS,
    CONFIG_MAPS,
    Ref("", "services"),
    INJECTORS,
    VALIDATORS,
    Ref("autoscaling", "horizontalpodautoscalers"),
)


async def versions(cluster: EmbeddedCluster) -> dict[str, str]:
    """Resource versions of what an installation applies."""
    client = cluster.client("test")
    found: list[Object] = [
        o for ref in APPLIED for o in await client.list(ref, labels="operator.istio.io/component")
    ]
    return {f"{o['kind']}/{o['metadata']['name']}": o["metadata"]["resourceVersion"] for o in found}


async def test_a_second_installation_touches_only_what_the_real_one_touches(
    cluster: EmbeddedCluster, istioctl: Istioctl
) -> None:
    """Only the injector (switched on and off again) and the validator (istiod sets it to Fail
    again) are written."""
    await istioctl("install", "-y")
    before = await versions(cluster)
    again = await istioctl("install", "-y")
    after = await versions(cluster)
    assert again.code == 0
    touched = {name for name in before if before[name] != after[name]}
    assert touched <= {
        "MutatingWebhookConfiguration/istio-sidecar-injector",
        "ValidatingWebhookConfiguration/istio-validator-istio-system",
    }


async def test_a_dry_run_writes_nothing(cluster: EmbeddedCluster, istioctl: Istioctl) -> None:
    """The same lines are printed, but not even the namespace is made."""
    outcome = await istioctl("install", "-y", "--dry-run")
    assert (outcome.code, "✔ Istiod installed 🧠" in outcome.err) == (0, True)
    assert await cluster.client("test").get(Ref("", "namespaces"), "istio-system") is None


@pytest.mark.parametrize(("answer", "code"), [("", 1), ("n\n", 1), ("y\n", 0)])
async def test_the_question_is_asked_and_answered(
    istioctl: Istioctl, answer: str, code: int
) -> None:
    """Without -y a question goes to standard output; anything but a yes cancels with exit code 1."""
    outcome = await istioctl("install", "--set", "profile=empty", stdin=answer)
    assert outcome.code == code
    assert outcome.out.startswith(
        'This will install the Istio 1.30.3 profile "empty" into the cluster. Proceed? (y/N) '
    )
    assert ("Cancelled." in outcome.err) == (code == 1)


async def test_the_old_release_names_the_components_in_its_question(istioctl: Istioctl) -> None:
    """1.23.2 lists what would be installed and warns that its life has ended."""
    outcome = await istioctl("install", version="1.23.2")
    assert (
        '"default" profile (with components: Istio core, Istiod, and Ingress gateways)'
        in outcome.out
    )
    assert "WARNING: Istio 1.23.0 may be out of support (EOL) already" in outcome.out


@pytest.mark.long
async def test_a_component_that_does_not_get_ready_fails_with_the_pods_reason(
    istioctl: Istioctl,
) -> None:
    """The error names the Deployment and says what its newest pod waits for; what depends on it is
    still tried."""
    hub = "values.global.hub=does-not-exist.io/istio"
    outcome = await istioctl("install", "-y", "--set", hub, "--readiness-timeout", "60s")
    assert outcome.code == 1
    assert (
        "✘ Istiod encountered an error: failed to wait for resource: resources not ready after 1m0s"
        in outcome.err
    )
    assert (
        "Deployment/istio-system/istiod (container failed to start: ImagePullBackOff: "
        in outcome.err
    )
    assert (
        "Error: failed to install manifests: 2 errors occurred:\n\t* failed to wait for resource"
        in outcome.err
    )


async def test_another_profile_prunes_what_it_does_not_have(
    cluster: EmbeddedCluster, istioctl: Istioctl
) -> None:
    """Going to minimal removes the ingress gateway and says so on standard output."""
    await istioctl("install", "-y")
    outcome = await istioctl("install", "-y", "--set", "profile=minimal")
    assert "  Removed apps/v1, Kind=Deployment/istio-ingressgateway.istio-system.\n" in outcome.out
    left = await cluster.client("test").list(DEPLOYMENTS, "istio-system")
    assert [o["metadata"]["name"] for o in left if "deletionTimestamp" not in o["metadata"]] == [
        "istiod"
    ]


async def test_a_forbidden_write_is_told_with_its_object(
    cluster: EmbeddedCluster, istioctl: Istioctl
) -> None:
    """A refusal of the API server ends the component with the object's name and the server's words."""
    cluster.server.faults.add(ApiFault("forbid", verb="patch", resource="configmaps"))
    outcome = await istioctl("install", "-y", "--readiness-timeout", "5s")
    assert outcome.code == 1
    assert (
        "failed to update resource with server-side apply for obj ConfigMap/istio-system/istio: "
        in outcome.err
    )


async def test_no_cluster_is_told_before_anything_is_drawn(
    istioctl: Istioctl, cluster: EmbeddedCluster
) -> None:
    """With nothing listening, the version check fails in the installer's words."""
    await cluster.stop()
    outcome = await istioctl("install", "-y")
    assert outcome.code == 1
    assert (
        "Error: check minimum supported Kubernetes version: error getting Kubernetes version: Get "
        in outcome.err
    )
    assert "connection refused" in outcome.err


async def test_versions_of_both_planes_are_asked(istioctl: Istioctl) -> None:
    """With a mesh, `version` names the control plane's version; without one it says so and
    succeeds."""
    alone = await istioctl("version")
    assert (alone.code, alone.out) == (0, "client version: 1.30.3\n")
    assert (
        alone.err == "Istio is not present in the cluster: no running Istio pods in namespace "
        '"istio-system"\n'
    )
    await istioctl("install", "-y", "--set", "profile=minimal")
    assert "control plane version: 1.30.3\n" in (await istioctl("version")).out


async def test_a_newer_istioctl_warns_of_the_upgrade(istioctl: Istioctl) -> None:
    """Replacing another version's installation is announced."""
    await istioctl("install", "-y", "--set", "profile=minimal", version="1.23.2")
    outcome = await istioctl("install", "-y", "--set", "profile=minimal")
    assert "WARNING: Istio is being upgraded from 1.23.2 to 1.30.3.\n" in outcome.err


@pytest.mark.long
async def test_a_revision_can_be_removed_alone(
    cluster: EmbeddedCluster, istioctl: Istioctl
) -> None:
    """Uninstalling a revision leaves the other's istiod; an unknown revision is an error."""
    await istioctl("install", "-y", "--set", "profile=minimal")
    await istioctl("install", "-y", "--set", "profile=minimal", "--revision", "canary")
    outcome = await istioctl("uninstall", "-y", "--revision", "canary")
    assert "Kind=Deployment/istiod-canary.istio-system." in outcome.out
    assert "Kind=Deployment/istiod.istio-system." not in outcome.out
    assert (
        await istioctl("uninstall", "-y", "--revision", "nope")
    ).err == "Error: could not find target revision\n"

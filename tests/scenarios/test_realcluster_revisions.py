"""Two control planes on a real cluster: what the bot asks about, and by which labels pods come and go
(marker `realcluster`)."""

from __future__ import annotations

from pathlib import Path

from tests.marks import realcluster
from tests.scenarios.realcluster import kubectl, play

pytestmark = realcluster(seconds=400)

SCRIPT = """
$ istioctl install -y --revision canary --set profile=minimal
/mesh bookinfo -> not yet
$ kubectl label namespace bookinfo istio.io/rev=canary
/mesh inject
/mesh inject off
/mesh install
click "Install it"
$ kubectl label namespace bookinfo istio.io/rev=canary
$ kubectl rollout restart deployment -n bookinfo
$ kubectl rollout status deployment/details-v1 -n bookinfo
/mesh inject
click "Replace it"
/mesh install minimal
click "Change it"
"""


async def test_a_second_control_plane_is_asked_about_and_its_label_is_obeyed(
    tmp_path: Path,
) -> None:
    """A revision's label is a way in and out; installing beside it says what changes hands, and pods
    come over when they are asked to."""
    script = tmp_path / "script.mesh"
    script.write_text(SCRIPT)
    code, said = await play(str(script), "--allow-shell")
    assert code == 0, said
    for words in (
        "label istio.io/rev=canary injects as well",
        "6 of 6 application pods are without sidecar",
        "a control plane of Istio is here already: istiod-canary in istio-system",
        "takes over MutatingWebhookConfiguration istio-revision-tag-default from revision canary",
        "changes Namespace bookinfo, set by kubectl-label",
        "The pods leave the istiod of revision canary.",
        "Another control plane runs beside it: istiod-canary",
    ):
        assert words in said, f"{words}\n{said}"
    assert "istio-ingressgateway has 0 of 1 pods" not in said
    path = "jsonpath={.items[*].metadata.annotations.istio\\.io/rev}"
    revisions = await kubectl("get", "pods", "-n", "bookinfo", "-o", path)
    assert set(revisions.split()) == {"default"}

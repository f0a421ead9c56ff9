"""Labels of the namespace, opt-outs, and pods that are older than the label."""

from __future__ import annotations

from bot.diagnosis.mesh_state import Activity
from bot.kinds import DEPLOYMENT
from tests.diagnosis.cases.registry import Cases
from tests.diagnosis.cluster import Cluster, Mode, leave_mesh
from tests.diagnosis.shapes import APP, deployment, pod, stamp

CASES = Cases()
OPT_OUT = "sidecar.istio.io/inject"
RULE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}
"""


def leave_all(cluster: Cluster) -> None:
    """Takes all of Bookinfo's pods out of the mesh."""
    for each in cluster.list_app_pods():
        leave_mesh(each)


@CASES.names("namespace-not-labelled", Mode.OUTSIDE)
@CASES.spares("caller-outside-mesh", Mode.OUTSIDE, instead="namespace-not-labelled")
def rule_without_label(cluster: Cluster) -> None:
    """A rule acts as if the pods were in the mesh."""
    cluster.apply(RULE)


@CASES.names("namespace-not-labelled", Mode.OUTSIDE)
def injection_asked_for(cluster: Cluster) -> None:
    """Somebody typed a step that needs proxies."""
    cluster.activity = Activity(wanted=frozenset({"traces"}))


@CASES.names("namespace-not-labelled", Mode.OUTSIDE)
@CASES.spares("waypoint-missing", Mode.OUTSIDE, instead="namespace-not-labelled")
def waypoint_label_alone(cluster: Cluster) -> None:
    """A waypoint is named, and the namespace is in no mesh."""
    cluster.labels["istio.io/use-waypoint"] = "waypoint"


@CASES.spares("namespace-not-labelled", Mode.OUTSIDE)
@CASES.spares("no-restart-after-label", Mode.OUTSIDE)
def mesh_not_yet_begun(cluster: Cluster) -> None:
    """Bookinfo before the step that leads it into the mesh."""
    cluster.activity = Activity(wanted=frozenset({"bookinfo", "expose"}))


@CASES.spares("namespace-not-labelled")
def injected_pod_by_pod(cluster: Cluster) -> None:
    """Without the namespace's label, the pods ask for themselves and have their sidecars."""
    del cluster.labels["istio-injection"]
    cluster.apply(RULE)


def enter_misspelt(cluster: Cluster, key: str, value: str) -> None:
    """Has the namespace wear a label without effect, with its pods outside."""
    cluster.labels[key] = value
    cluster.apply(RULE)


@CASES.names("label-misspelt", Mode.OUTSIDE)
def value_misspelt(cluster: Cluster) -> None:
    """`yes` is no value of this label."""
    enter_misspelt(cluster, "istio-injection", "yes")


@CASES.names("label-misspelt", Mode.OUTSIDE)
@CASES.spares("namespace-not-labelled", Mode.OUTSIDE, instead="label-misspelt")
def letter_too_few(cluster: Cluster) -> None:
    """A letter is missing in the key."""
    enter_misspelt(cluster, "istio-injecton", "enabled")


@CASES.names("label-misspelt", Mode.OUTSIDE)
def mode_misspelt(cluster: Cluster) -> None:
    """A dash too many in the key of ambient."""
    enter_misspelt(cluster, "istio.io/data-plane-mode", "ambient")


@CASES.spares("label-misspelt")
def misspelt_beside_the_right_one(cluster: Cluster) -> None:
    """A leftover that does no harm: the true label is there."""
    cluster.labels["istio-injecton"] = "enabled"


@CASES.spares("label-misspelt")
def labels_of_others(cluster: Cluster) -> None:
    """Labels that have nothing to do with the mesh, though they begin like it."""
    cluster.labels.update({"team": "books", "istio-workshop": "monday", "injection-moulding": "x"})


def annotate(cluster: Cluster, key: str, value: str) -> None:
    """Has the namespace wear an annotation, and a rule that needs the mesh."""
    cluster.annotations[key] = value
    cluster.apply(RULE)


@CASES.names("label-set-as-annotation", Mode.OUTSIDE)
@CASES.spares("namespace-not-labelled", Mode.OUTSIDE, instead="label-set-as-annotation")
def injection_annotated(cluster: Cluster) -> None:
    """As the guide's text says it."""
    annotate(cluster, "istio-injection", "enabled")


@CASES.names("label-set-as-annotation", Mode.WAYPOINT)
@CASES.spares("waypoint-not-enrolled", Mode.WAYPOINT, instead="label-set-as-annotation")
def waypoint_annotated(cluster: Cluster) -> None:
    """The waypoint that is not used is a consequence."""
    del cluster.labels["istio.io/use-waypoint"]
    cluster.annotations["istio.io/use-waypoint"] = "waypoint"


@CASES.spares("label-set-as-annotation")
def annotated_and_labelled(cluster: Cluster) -> None:
    """An annotation beside the right label does no harm."""
    cluster.annotations["istio-injection"] = "enabled"


@CASES.spares("label-set-as-annotation", Mode.AMBIENT)
def injection_annotated_in_ambient(cluster: Cluster) -> None:
    """The namespace went ambient since."""
    cluster.annotations["istio-injection"] = "enabled"


@CASES.names("injection-disabled-by-label")
@CASES.spares("revision-unknown", instead="injection-disabled-by-label")
def disabled_beats_revision(cluster: Cluster) -> None:
    """`disabled` wins over a revision, known or not."""
    cluster.labels.update({"istio-injection": "disabled", "istio.io/rev": "canary"})
    leave_all(cluster)


@CASES.spares("injection-disabled-by-label", Mode.AMBIENT)
def disabled_in_ambient(cluster: Cluster) -> None:
    """Whoever goes ambient may well switch injection off."""
    cluster.labels["istio-injection"] = "disabled"


@CASES.names("revision-unknown")
@CASES.spares("injector-webhook-missing", instead="revision-unknown")
def revision_of_nobody(cluster: Cluster) -> None:
    """Neither an istiod nor a tag is called so."""
    del cluster.labels["istio-injection"]
    cluster.labels["istio.io/rev"] = "canary"
    leave_all(cluster)


@CASES.spares("revision-unknown")
def revision_default(cluster: Cluster) -> None:
    """The revision that istiod serves."""
    del cluster.labels["istio-injection"]
    cluster.labels["istio.io/rev"] = "default"


@CASES.spares("revision-unknown")
def unknown_beaten_by_injection(cluster: Cluster) -> None:
    """The other label beats it, and the pods are injected."""
    cluster.labels["istio.io/rev"] = "canary"


@CASES.names("no-restart-after-label")
@CASES.spares("namespace-not-labelled", instead="no-restart-after-label")
def labelled_and_not_restarted(cluster: Cluster) -> None:
    """All pods are older than the label."""
    leave_all(cluster)


@CASES.names("no-restart-after-label")
@CASES.spares("caller-outside-mesh", instead="no-restart-after-label")
def one_not_restarted(cluster: Cluster) -> None:
    """The rule that its pod does not enforce is a consequence."""
    leave_mesh(cluster.list_pods("productpage-v1")[0])
    cluster.apply(RULE)


@CASES.spares("no-restart-after-label")
def foreign_pod_without_sidecar(cluster: Cluster) -> None:
    """A pod of somebody else's that opted out."""
    foreign = deployment("load-test", APP, {"app": "load-test"})
    foreign["spec"]["template"]["metadata"]["labels"][OPT_OUT] = "false"
    cluster.add(foreign, pod(foreign))


@CASES.spares("no-restart-after-label")
def old_pod_leaves(cluster: Cluster) -> None:
    """The pod without sidecar is being deleted: its successor has one."""
    old = pod(cluster.get(DEPLOYMENT, "details-v1"), number=7)
    old["metadata"]["deletionTimestamp"] = stamp(5)
    cluster.add(old)


@CASES.names("injection-opted-out")
@CASES.spares("no-restart-after-label", instead="injection-opted-out")
def template_opts_out(cluster: Cluster) -> None:
    """A restart brings no sidecar, since the template refuses it."""
    cluster.get_template("reviews-v3")["metadata"]["labels"][OPT_OUT] = "false"
    cluster.replace_pods("reviews-v3")


@CASES.names("injection-opted-out")
def template_opts_out_by_annotation(cluster: Cluster) -> None:
    """The older way to say it; the rule that ratings' caller does not enforce follows from it."""
    meta = cluster.get_template("reviews-v3")["metadata"]
    meta["annotations"] = {OPT_OUT: "false"}
    cluster.replace_pods("reviews-v3")
    cluster.apply(RULE.replace("reviews", "ratings"))


@CASES.names("injection-opted-out")
def host_network(cluster: Cluster) -> None:
    """A pod on the host's network is never injected."""
    cluster.get_template("details-v1")["spec"]["hostNetwork"] = True
    cluster.replace_pods("details-v1")


@CASES.spares("injection-opted-out")
def foreign_opts_out(cluster: Cluster) -> None:
    """The opt-out of a workload that is no part of Bookinfo."""
    foreign = deployment("load-test", APP, {"app": "load-test"})
    foreign["spec"]["template"]["metadata"]["labels"][OPT_OUT] = "false"
    cluster.add(foreign, pod(foreign))


@CASES.spares("injection-opted-out", Mode.AMBIENT)
def opts_out_in_ambient(cluster: Cluster) -> None:
    """In ambient nobody is injected anyway."""
    cluster.get_template("reviews-v3")["metadata"]["labels"][OPT_OUT] = "false"

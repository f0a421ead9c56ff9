"""More causes by kubectl on a real control plane: each with the lines that bring it in, and those
that take it back."""

from __future__ import annotations

NS, MESH = "kubectl -n bookinfo", "kubectl -n istio-system"
LABEL = "kubectl label --overwrite ns bookinfo"
GATEWAY = "gateways.gateway.networking.k8s.io"
Broken = tuple[str, str, str]


def roll(*names: str, namespace: str = "bookinfo") -> str:
    """Return the lines that wait for Deployments."""
    command = "kubectl -n {} rollout status deploy/{} --timeout=90s"
    return " && ".join(command.format(namespace, name) for name in names)


def restart(*names: str) -> str:
    """Return the lines that make the pods of these Deployments anew."""
    return f"{NS} rollout restart {' '.join(f'deploy/{n}' for n in names)} && {roll(*names)}"


def annotate(name: str, key: str) -> Broken:
    """Return what gives a Deployment's pods a fault of the simulated kubelet, and takes it back."""
    patch = f"{NS} patch deploy {name} -p " + (
        """'{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null},"template":{"metadata":"""
        """{"annotations":{"realcluster.test/%s":%s}}}}}'"""
    )
    cause = {"crash": "crash-loop", "unready": "readiness-failing"}[key]
    return cause, patch % (key, '"true"'), f"{patch % (key, 'null')} && {roll(name)}"


def change(resource: str, broken: str, whole: str, namespace: str = "bookinfo") -> tuple[str, str]:
    """Return the merge patches that break an object and mend it."""
    line = f"kubectl -n {namespace} patch {resource} --type=merge -p '{{}}'"
    return line.replace("{}", broken), line.replace("{}", whole)


def apply(document: str, namespace: str = "bookinfo") -> tuple[str, str]:
    """Return the lines that create an object from JSON, and delete it."""
    line = f"echo '{document}' | kubectl -n {namespace} %s -f -"
    return line % "create", line % "delete"


def build_rule(kind: str, spec: str, group: str = "networking.istio.io") -> str:
    """Return an object of Istio called `by-hand`, as JSON."""
    return (
        f'{{"apiVersion":"{group}/v1","kind":"{kind}","metadata":{{"name":"by-hand"}},'
        f'"spec":{spec}}}'
    )


SUBSET = build_rule(
    "VirtualService",
    '{"hosts":["reviews"],"http":[{"route":[{"destination":{"host":"reviews","subset":"v7"}}]}]}',
)
UNKNOWN = build_rule(
    "VirtualService",
    '{"hosts":["review"],"http":[{"route":[{"destination":{"host":"reviews"}}]}]}',
)
CLASSIC = build_rule(
    "Gateway",
    '{"selector":{"istio":"ingress-gatway"},"servers":[{"port":{"number":80,"name":"http",'
    '"protocol":"HTTP"},"hosts":["*"]}]}',
)
NOBODY = build_rule("AuthorizationPolicy", "{}", "security.istio.io")
QUIET = build_rule("Telemetry", '{"tracing":[{"disableSpanReporting":true}]}', "telemetry.istio.io")
RARE = build_rule("Telemetry", '{"tracing":[{"randomSamplingPercentage":1}]}', "telemetry.istio.io")
LIMITS = (
    '{"apiVersion":"v1","kind":"LimitRange","metadata":{"name":"by-hand"},"spec":{"limits":'
    '[{"type":"Container","max":{"cpu":"10m"}}]}}'
)
WALL = (
    '{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"by-hand"},'
    '"spec":{"podSelector":{},"policyTypes":["Ingress"]}}'
)
BACKEND = '{"spec":{"rules":[{"backendRefs":[{"name":"%s","port":9080}]}]}}'
ADMITS = (
    '{"spec":{"listeners":[{"name":"http","port":80,"protocol":"HTTP","allowedRoutes":'
    '{"namespaces":%s}}]}}'
)
SERVICE_TYPE = "networking.istio.io/service-type"

MORE_IN_SIDECARS: tuple[Broken, ...] = (
    (
        "injector-webhook-missing",
        "kubectl get mutatingwebhookconfiguration -l app=sidecar-injector -o json > hooks.json && "
        "kubectl delete mutatingwebhookconfiguration -l app=sidecar-injector && "
        + restart("details-v1"),
        "kubectl create -f hooks.json && " + restart("details-v1"),
    ),
    (
        "node-unschedulable",
        f"kubectl cordon $(kubectl get nodes -o name) && {NS} delete pod -l app=ratings",
        f"kubectl uncordon $(kubectl get nodes -o name) && {roll('ratings-v1')}",
    ),
    annotate("ratings-v1", "crash"),
    (
        "namespace-not-labelled",
        f"{LABEL} istio-injection- && "
        + restart(
            "details-v1", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3"
        ),
        f"{LABEL} istio-injection=enabled",
    ),
    (
        "no-restart-after-label",
        "true",
        restart(
            "details-v1", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3"
        ),
    ),
    (
        "label-set-as-annotation",
        f"{LABEL} istio-injection- && kubectl annotate ns bookinfo istio-injection=enabled",
        f"{LABEL} istio-injection=enabled && kubectl annotate ns bookinfo istio-injection-",
    ),
    (
        "limit-range-exceeded",
        f"{apply(LIMITS)[0]} && {NS} rollout restart deploy/details-v1",
        f"{apply(LIMITS)[1]} && " + restart("details-v1"),
    ),
    (
        "gateway-not-ready",
        f"{NS} scale deploy bookinfo-gateway-istio --replicas=0",
        f"{NS} scale deploy bookinfo-gateway-istio --replicas=1 && "
        + roll("bookinfo-gateway-istio"),
    ),
    ("ingress-gateway-gone", *apply(CLASSIC)),
    (
        "route-backend-missing",
        *change("httproute bookinfo", BACKEND % "product-page", BACKEND % "productpage"),
    ),
    (
        "route-not-allowed",
        *change(
            f"{GATEWAY} bookinfo-gateway",
            ADMITS % '{"from":"Selector","selector":{"matchLabels":{"expose":"yes"}}}',
            ADMITS % '{"from":"Same"}',
        ),
    ),
    (
        "prometheus-not-ready",
        f"{MESH} scale deploy prometheus --replicas=0",
        f"{MESH} scale deploy prometheus --replicas=1 && "
        + roll("prometheus", namespace="istio-system"),
    ),
    (
        "tracing-settings-lost",
        f"{MESH} get cm istio -o json > mesh.json && "
        f"{MESH} get cm istio -o json | sed 's/enableTracing: true/enableTracing: false/' | "
        f"{MESH} replace -f -",
        f"{MESH} get cm istio -o json | sed 's/enableTracing: false/enableTracing: true/' | "
        f"{MESH} replace -f -",
    ),
    ("tracing-sampling-low", *apply(RARE)),
    ("telemetry-switched-off", *apply(QUIET)),
    (
        "service-missing",
        f"{NS} get svc ratings -o json > ratings.json && {NS} delete svc ratings",
        f"{NS} create -f ratings.json",
    ),
    ("subset-without-destinationrule", *apply(SUBSET)),
    ("virtualservice-host-unknown", *apply(UNKNOWN)),
    ("authorization-denies", *apply(NOBODY)),
    ("network-policy-blocks", *apply(WALL)),
    (
        "gateway-api-version-unread",
        "kubectl delete validatingadmissionpolicybinding safe-upgrades.gateway.networking.k8s.io "
        # The API server obeys a policy for some seconds after its binding is gone.
        "--ignore-not-found && for try in $(seq 20); do sleep 1; kubectl annotate --overwrite crd "
        "$(kubectl get crd -o name | grep gateway.networking.k8s.io | cut -d/ -f2) "
        "gateway.networking.k8s.io/bundle-version=v0.8.0 && break; done",
        "kubectl annotate --overwrite crd $(kubectl get crd -o name | "
        "grep gateway.networking.k8s.io | cut -d/ -f2) "
        "gateway.networking.k8s.io/bundle-version=v1.5.1",
    ),
    (
        "ambient-not-installed",
        f"{LABEL} istio-injection- istio.io/dataplane-mode=ambient && " + restart("details-v1"),
        f"{LABEL} istio.io/dataplane-mode- istio-injection=enabled && " + restart("details-v1"),
    ),
)
MORE_IN_AMBIENT: tuple[Broken, ...] = (
    (
        "ztunnel-not-ready",
        f"""{MESH} patch ds ztunnel -p '{{"spec":{{"template":{{"spec":{{"nodeSelector":"""
        """{"no":"where"}}}}}'""",
        f"""{MESH} patch ds ztunnel -p '{{"spec":{{"template":{{"spec":{{"nodeSelector":"""
        f"""{{"no":null}}}}}}}}}}' && {MESH} rollout status ds/ztunnel --timeout=90s""",
    ),
    (
        "ambient-opted-out",
        f"""{NS} patch deploy details-v1 -p '{{"spec":{{"template":{{"metadata":{{"labels":"""
        """{"istio.io/dataplane-mode":"none"}}}}}' && """ + roll("details-v1"),
        f"""{NS} patch deploy details-v1 -p '{{"spec":{{"template":{{"metadata":{{"labels":"""
        """{"istio.io/dataplane-mode":null}}}}}' && """ + roll("details-v1"),
    ),
    (
        "sidecar-blocks-ambient",
        f"{LABEL} istio-injection=enabled && " + restart("details-v1"),
        f"{LABEL} istio-injection- && " + restart("details-v1"),
    ),
    (
        "l7-rule-without-waypoint",
        f"{LABEL} istio.io/use-waypoint- && {NS} delete {GATEWAY} waypoint && {apply(SUBSET)[0]}",
        f"{apply(SUBSET)[1]} && istioctl waypoint apply -n bookinfo --enroll-namespace && sleep 3 && "
        + roll("waypoint"),
    ),
    ("subset-without-destinationrule", *apply(SUBSET)),
    (
        "captured-without-ztunnel",
        f"{MESH} get ds ztunnel istio-cni-node -o json > daemons.json && "
        f"{MESH} delete ds ztunnel istio-cni-node",
        f"{MESH} create -f daemons.json && {MESH} rollout status ds/ztunnel --timeout=90s && "
        f"{MESH} rollout status ds/istio-cni-node --timeout=90s",
    ),
)
AT_THE_END: tuple[Broken, ...] = (
    (
        "app-not-deployed",
        f"{NS} delete -f $ISTIO_HOME/samples/bookinfo/platform/kube/bookinfo.yaml",
        f"{NS} create -f $ISTIO_HOME/samples/bookinfo/platform/kube/bookinfo.yaml && "
        + roll("details-v1", "productpage-v1", "ratings-v1", "reviews-v1"),
    ),
    (
        "namespace-terminating",
        f"{NS} create configmap held && {NS} patch cm held --type=merge -p "
        """'{"metadata":{"finalizers":["example.com/hold"]}}' && """
        "kubectl delete ns bookinfo --wait=false && sleep 5",
        f"""{NS} patch cm held --type=merge -p '{{"metadata":{{"finalizers":null}}}}' && """
        "kubectl wait --for=delete ns/bookinfo --timeout=60s",
    ),
)
"""In the last two the application goes, and in the last its namespace."""

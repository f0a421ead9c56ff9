"""Why the embedded Kialis answer otherwise than the recorded ones: a pattern of version, stage,
question, path and both values, and the reason."""

from __future__ import annotations

_FIGURES = r".*(rates|requests|totalRequestRate|httpPercentReq|errorRatio|responses)"
_CACHED = r"^2.26 \w+ (apps|services|workloads|app health): "

REASONS: tuple[tuple[str, str], ...] = (
    (
        rf"^\S+ sidecars (idle graph|graph|apps|services|workloads|app health): {_FIGURES}",
        "recorded before a minute of traffic had passed: the rates are of a part of it",
    ),
    (
        _CACHED + r".*(health|Health)/",
        "2.26 takes health from a cache of some minutes, which was of another moment when recorded",
    ),
    (
        r"^2.26 sidecars (config|counts): ",
        "2.26 takes validations of lists from a cache, which was from before the gateway",
    ),
    (r"^1.87 \w+ components: /grafana/", "the recorded Kiali had Grafana switched off"),
    (
        r"^1.87 \w+ components: /istiod \(2\)/",
        "the recorded Kiali could reach istiod's debug port only in part, and says so",
    ),
    (
        r"(status|api): .*(Prometheus/version|Kiali (container )?version)",
        "the recorded programs were built and chosen otherwise than the release's images",
    ),
    (
        r"^1.87 \w+ (config|counts): .*(KIA1402|k8shttproute|errors)",
        "without istiod's registry the recorded Kiali missed every Service",
    ),
    (
        r"^1.87 \w+ config: .*destinationrule",
        "without istiod's registry the recorded Kiali looks at no host and no subset (its source)",
    ),
    (
        r"/nodes/box/reviews////healthData/",
        "in the box of reviews Kiali shows one version's figures, at random; here they add up",
    ),
    (
        r"workloads: .*deployment.kubernetes.io/revision",
        "the recorded gateway was made as a LoadBalancer, and replaced by the annotation",
    ),
)

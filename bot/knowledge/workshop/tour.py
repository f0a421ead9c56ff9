"""The guided tour's pages: what each step of the workshop teaches, what it does, and where it goes
wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TourPage:
    """One step of the tour. `typed` is what the Run button types, `also` are commands worth
    typing after it.
    """

    step: str
    typed: str
    why: str
    does: tuple[str, ...]
    pitfalls: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


PAGES = (
    TourPage(
        "preflight",
        "preflight",
        "Most workshops that fail, fail on the cluster and not on the mesh: too little memory, a right that is "
        "missing, leftovers of another Istio. It takes a minute to find out now.",
        (
            "reads versions, the nodes' room, leftovers, and what the bot's account may do; changes nothing",
            "asks for room for the sidecars: 1.5 CPU and 3.5 GiB that nobody else has requested",
        ),
        ("minikube's default of two CPUs is not enough: `minikube start --memory=16384 --cpus=4`",),
    ),
    TourPage(
        "install",
        "install",
        "A mesh is a control plane and many proxies. This brings the control plane, istiod: it knows all services and "
        "tells each proxy what to do. No application notices anything yet.",
        (
            "runs `istioctl install` with the workshop's tracing: every request is traced, to zipkin.istio-system:9411",
            "makes istiod and an ingress gateway in istio-system, cluster roles, CRDs and two kinds of webhooks",
            "applies the Gateway API's CRDs, which Kubernetes does not bring along",
        ),
        (
            "istioctl keeps no option of an earlier run: what is not typed again is gone",
            "a pod that stays Pending lacks room or an image; the message names which",
        ),
        ("status",),
    ),
    TourPage(
        "addons",
        "addons",
        "A mesh is worth its price for what one can see. Prometheus keeps the numbers that proxies report, Jaeger the "
        "way of single requests, Grafana draws both.",
        (
            "applies the samples of the Istio release in istio-system",
            "asks each for its health before it says done",
        ),
        (
            "the samples keep everything in memory: after a restart of their pods the history is gone",
            "without Prometheus, Kiali has no graph at all",
        ),
    ),
    TourPage(
        "kiali",
        "kiali",
        "Kiali turns numbers and objects into pictures: who calls whom, what is encrypted, which rule names a host "
        "that does not exist. It is where the workshop looks from now on.",
        (
            "applies the release's sample with the workshop's links to Jaeger and Grafana in its configuration",
            "waits until Kiali answers, fits this Istio and sees the mesh",
        ),
        (
            "Kiali runs inside the cluster: a port-forward leads there, and `links` prints the line to type",
            "the graph is empty until there are requests, and shows only the last minutes",
        ),
        ("links",),
    ),
    TourPage(
        "bookinfo",
        "bookinfo",
        "Four small services in four languages: productpage asks details and reviews, reviews v2 and v3 ask ratings, "
        "v1 does not. That difference makes every rule of the workshop visible: no stars, black ones, red ones.",
        (
            "makes the namespace and applies the release's sample: four services, six Deployments",
            "asks for the page until reviews are on it",
        ),
        (
            "in Kiali the workloads appear without traffic: they are not in the mesh yet, which is the next step",
        ),
    ),
    TourPage(
        "inject",
        "inject",
        "Here the application joins the mesh, without a change to its code: each pod gets a proxy that takes all of "
        "its traffic. Metrics, traces and mutual TLS come with that.",
        (
            "labels the namespace istio-injection=enabled; a webhook of istiod adds the proxy to each new pod",
            "restarts the Deployments, for pods that run already are left as they are",
        ),
        (
            "a label alone does nothing to pods that are there: restart them",
            "since Istio 1.27 the proxy is an init container that stays, so count READY 2/2 and not the containers",
            "during the restart old and new pods need room at once",
        ),
        ("graph",),
    ),
    TourPage(
        "expose",
        "expose",
        "So far nobody outside can ask for the page. A Gateway opens a port at the edge of the mesh, and an "
        "HTTPRoute says which paths lead to which service.",
        (
            "applies the Gateway and HTTPRoute of the release's sample; istiod deploys a proxy for it",
            "asks for a ClusterIP, which needs no load balancer",
        ),
        (
            "without the Gateway API's CRDs the Gateway is refused: `install` applies them",
            "a Gateway that someone makes a LoadBalancer waits for ever where the cluster gives no addresses",
        ),
        ("links",),
    ),
    TourPage(
        "traffic",
        "traffic start",
        "A mesh without requests shows nothing. A slow steady stream keeps the graph alive, and makes each change of "
        "the next steps visible a few seconds after it.",
        (
            "sends a request for the page every three seconds, for an hour; `traffic stop` ends it",
            "goes through the gateway, or to productpage while there is none; changes nothing in the cluster",
        ),
        (
            "Kiali wants at least two requests within its window, and Prometheus asks the proxies every 15 seconds",
        ),
        ("traffic burst 100", "graph", "traffic stop"),
    ),
    TourPage(
        "traces",
        "traces share",
        "A trace is one request's way through all services, with the time that each took. It answers what no average "
        "can: why this one was slow.",
        ("asks Jaeger for the newest traces of the application; changes nothing",),
        (
            "proxies make spans; the application joins them by passing headers on, which Bookinfo does",
            "with the default of 1 % there would be next to no traces; the workshop samples 100 %",
        ),
    ),
    TourPage(
        "route",
        "route jason v2",
        "Now the mesh decides. A rule sends one user to version 2 and everybody else to version 1: a release for "
        "testers alone, without a line of code.",
        (
            "applies a DestinationRule, which names the versions, and then a VirtualService, which looks at the header "
            "end-user that productpage sends on",
            "with a waypoint the same is an HTTPRoute between Services of the versions",
            "asks as jason, as somebody else and as nobody, and counts the versions that answer",
        ),
        (
            "the page must know the user: log in as jason there, any password will do",
            "rules for HTTP need a proxy that knows HTTP: a sidecar or a waypoint, not ztunnel alone",
        ),
        ("graph", "route off"),
    ),
    TourPage(
        "break",
        "break destinationrule",
        "What does Kiali show if the DestinationRule is removed? Breaking a thing on purpose, with an audience, is "
        "how one recognises it later without one.",
        (
            "deletes the DestinationRule of reviews and leaves the VirtualService that needs it",
            "shows what the page says and what Kiali warns of; `mend` puts it back just as it was",
        ),
        (
            "the answer is a 503 of the caller's own proxy (flag NC): reviews itself is healthy and never asked",
        ),
        ("mend",),
    ),
    TourPage(
        "fault",
        "fault jason",
        "Does the page survive when ratings fail? One finds out by failing them, for one user who has agreed to it, "
        "while all others go on.",
        (
            "applies a VirtualService that answers jason's requests to ratings with 500, or late",
            "asks as jason and as somebody else: one must lose the stars, the other must keep them",
        ),
        (
            "the fault is seen only by who is on reviews v2 or v3: v1 never asks ratings",
            "ratings' own log stays empty: the caller's proxy fails the request (flag FI)",
            "a delay of more than 2.5 s is cut short by reviews itself",
        ),
        ("fault off", "graph"),
    ),
    TourPage(
        "shift",
        "shift v1=50 v3=50",
        "A new version need not be all or nothing: give it a share of the requests, look, and give it more.",
        (
            "replaces the route by weights for all users",
            "sends 120 requests and says whether the shares that were seen can be chance",
        ),
        (
            "a weight is a chance per request: of ten requests at 50 %, seven on one side mean nothing",
        ),
        ("graph", "route off"),
    ),
    TourPage(
        "ambient",
        "ambient",
        "The same mesh without a proxy in each pod: one ztunnel per node encrypts and counts connections. Less to run, "
        "nothing to restart, and only what can be known of bytes.",
        (
            "upgrades with the ambient profile, every setting of the installation repeated: ztunnel and istio-cni come",
            "takes the sidecars and their rules out, then labels the namespace istio.io/dataplane-mode=ambient",
            "asks first, for it changes much",
        ),
        (
            "Kiali's arrows turn from green to blue: ztunnel sees TCP, not HTTP",
            "a namespace with both labels keeps its sidecars",
        ),
        ("graph",),
    ),
    TourPage(
        "waypoint",
        "waypoint",
        "Who needs HTTP again, for routes, faults or retries, gets it for the namespace and not for each pod: a "
        "waypoint is one proxy that its services' requests pass.",
        (
            "applies a Gateway of class istio-waypoint and enrols the namespace",
            "waits until requests are seen to pass it",
        ),
        ("a waypoint that nothing is enrolled to is deployed and idle",),
        ("route jason v2", "graph"),
    ),
    TourPage(
        "uninstall",
        "uninstall",
        "Taking a mesh away is a lesson of its own: sidecars that outlive their control plane break the application.",
        (
            "takes out rules, sidecars, waypoints and labels, then the control plane, the add-ons and the CRDs",
            "lists what would go and asks first; `uninstall app` takes Bookinfo too",
        ),
        (
            "`istioctl uninstall --purge` alone leaves old proxies in the pods, add-ons and CRDs behind",
        ),
    ),
)
"""In the order of the workshop. Facts hold for Istio 1.23.2 and 1.30.3."""

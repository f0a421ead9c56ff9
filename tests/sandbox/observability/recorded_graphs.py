"""The graphs of real Kialis 1.87.0 and 2.26.1 at seven stages of the workshop, in the short lines
of `reading`."""

from __future__ import annotations

EDGES = {
    "bare": "",
    "sidecars": """
        /details > details-v1 http 3 100% of out 200:- mTLS 100
        /productpage > productpage-v1 http 3 100% of out 200:- mTLS 100
        /ratings > ratings-v1 http 2 100% of out 200:- mTLS 100
        /reviews > reviews-v1 http 1 33% of out 200:- mTLS 100
        /reviews > reviews-v2 http 1 33% of out 200:- mTLS 100
        /reviews > reviews-v3 http 1 33% of out 200:- mTLS 100
        bookinfo-gateway-istio-latest > /productpage http 3 100% of out 200:- mTLS 100
        productpage-v1 > /details http 3 50% of out 200:- mTLS 100
        productpage-v1 > /reviews http 3 50% of out 200:- mTLS 100
        reviews-v2 > /ratings http 1 100% of out 200:- mTLS 100
        reviews-v3 > /ratings http 1 100% of out 200:- mTLS 100
    """,
    "route": """
        /details > details-v1 http 3 100% of out 200:- mTLS 100
        /productpage > productpage-v1 http 3 100% of out 200:- mTLS 100
        /ratings > ratings-v1 http 1 100% of out 200:- mTLS 100
        /reviews > reviews-v1 http 2 67% of out 200:- mTLS 100
        /reviews > reviews-v2 http 1 33% of out 200:- mTLS 100
        bookinfo-gateway-istio-latest > /productpage http 3 100% of out 200:- mTLS 100
        productpage-v1 > /details http 3 50% of out 200:- mTLS 100
        productpage-v1 > /reviews http 3 50% of out 200:- mTLS 100
        reviews-v2 > /ratings http 1 100% of out 200:- mTLS 100
    """,
    "fault": """
        /details > details-v1 http 3 100% of out 200:- mTLS 100
        /productpage > productpage-v1 http 3 100% of out 200:- mTLS 100
        /reviews > reviews-v1 http 2 67% of out 200:- mTLS 100
        /reviews > reviews-v2 http 1 33% of out 200:- mTLS 100
        bookinfo-gateway-istio-latest > /productpage http 3 100% of out 200:- mTLS 100
        productpage-v1 > /details http 3 50% of out 200:- mTLS 100
        productpage-v1 > /reviews http 3 50% of out 200:- mTLS 100
        reviews-v2 > /ratings http 1 100% of out 100% errors 500:FI
    """,
    "broken": """
        /details > details-v1 http 3 100% of out 200:- mTLS 100
        /productpage > productpage-v1 http 3 100% of out 200:- mTLS 100
        bookinfo-gateway-istio-latest > /productpage http 3 100% of out 200:- mTLS 100
        productpage-v1 > /details http 3 50% of out 200:- mTLS 100
        productpage-v1 > /reviews http 3 50% of out 100% errors 503:NC
    """,
    "ambient": """
        /details > details-v1 tcp 1500.0 -:- mTLS 100
        /productpage > productpage-v1 tcp 1500.0 -:- mTLS 100
        /ratings > ratings-v1 tcp 1000.0 -:- mTLS 100
        /reviews > reviews-v1 tcp 500.0 -:- mTLS 100
        /reviews > reviews-v2 tcp 500.0 -:- mTLS 100
        /reviews > reviews-v3 tcp 500.0 -:- mTLS 100
        bookinfo-gateway-istio-latest > /productpage tcp 1500.0 -:- mTLS 100
        productpage-v1 > /details tcp 1500.0 -:- mTLS 100
        productpage-v1 > /reviews tcp 1500.0 -:- mTLS 100
        reviews-v2 > /ratings tcp 500.0 -:- mTLS 100
        reviews-v3 > /ratings tcp 500.0 -:- mTLS 100
    """,
    "waypoint": """
        /details > details-v1 http 3 100% of out 200:- mTLS 100
        /details > details-v1 tcp 1500.0 -:- mTLS 100
        /productpage > productpage-v1 http 3 100% of out 200:- mTLS 100
        /productpage > productpage-v1 tcp 1500.0 -:- mTLS 100
        /ratings > ratings-v1 http 2 100% of out 200:- mTLS 100
        /ratings > ratings-v1 tcp 1000.0 -:- mTLS 100
        /reviews > reviews-v1 http 1 33% of out 200:- mTLS 100
        /reviews > reviews-v1 tcp 500.0 -:- mTLS 100
        /reviews > reviews-v2 http 1 33% of out 200:- mTLS 100
        /reviews > reviews-v2 tcp 500.0 -:- mTLS 100
        /reviews > reviews-v3 http 1 33% of out 200:- mTLS 100
        /reviews > reviews-v3 tcp 500.0 -:- mTLS 100
        bookinfo-gateway-istio-latest > /productpage http 3 100% of out 200:- mTLS 100
        bookinfo-gateway-istio-latest > /productpage tcp 1500.0 -:- mTLS 100
        productpage-v1 > /details http 3 50% of out 200:- mTLS 100
        productpage-v1 > /details tcp 1500.0 -:- mTLS 100
        productpage-v1 > /reviews http 3 50% of out 200:- mTLS 100
        productpage-v1 > /reviews tcp 1500.0 -:- mTLS 100
        reviews-v2 > /ratings http 1 100% of out 200:- mTLS 100
        reviews-v2 > /ratings tcp 500.0 -:- mTLS 100
        reviews-v3 > /ratings http 1 100% of out 200:- mTLS 100
        reviews-v3 > /ratings tcp 500.0 -:- mTLS 100
    """,
}
"""The graph's edges, with Services between callers and workloads. Rates while traffic was still
rising are scaled."""

NODES = {
    "bare": """
        /details in [details] isIdle
        /productpage in [productpage] isIdle
        /ratings in [ratings] isIdle
        /reviews in [reviews] isIdle
        [details] isOutOfMesh
        [productpage] isOutOfMesh
        [ratings] isOutOfMesh
        [reviews] isOutOfMesh
        details-v1 in [details] isIdle isOutOfMesh
        productpage-v1 in [productpage] isIdle isOutOfMesh
        ratings-v1 in [ratings] isIdle isOutOfMesh
        reviews-v1 in [reviews] isIdle isOutOfMesh
        reviews-v2 in [reviews] isIdle isOutOfMesh
        reviews-v3 in [reviews] isIdle isOutOfMesh
    """,
    "sidecars": """
        /bookinfo-gateway-istio isIdle
        /details in [details] isInjected
        /productpage in [productpage] isInjected
        /ratings in [ratings] isInjected
        /reviews in [reviews] isInjected
        [details]
        [productpage]
        [ratings]
        [reviews]
        bookinfo-gateway-istio-latest isRoot isK8sGatewayAPI
        details-v1 in [details]
        productpage-v1 in [productpage]
        ratings-v1 in [ratings]
        reviews-v1 in [reviews]
        reviews-v2 in [reviews]
        reviews-v3 in [reviews]
    """,
    "route": """
        /bookinfo-gateway-istio isIdle
        /details in [details] isInjected
        /productpage in [productpage] isInjected
        /ratings in [ratings] isInjected
        /reviews in [reviews] hasVS hasRequestRouting isInjected
        [details]
        [productpage]
        [ratings]
        [reviews]
        bookinfo-gateway-istio-latest isRoot isK8sGatewayAPI
        details-v1 in [details]
        productpage-v1 in [productpage]
        ratings-v1 in [ratings]
        reviews-v1 in [reviews]
        reviews-v2 in [reviews]
        reviews-v3 in [reviews] isIdle
    """,
    "fault": """
        /bookinfo-gateway-istio isIdle
        /details in [details] isInjected
        /productpage in [productpage] isInjected
        /ratings in [ratings] hasVS hasRequestRouting hasFaultInjection
        /reviews in [reviews] hasVS hasRequestRouting isInjected
        [details]
        [productpage]
        [ratings]
        [reviews]
        bookinfo-gateway-istio-latest isRoot isK8sGatewayAPI
        details-v1 in [details]
        productpage-v1 in [productpage]
        ratings-v1 in [ratings] isIdle
        reviews-v1 in [reviews]
        reviews-v2 in [reviews]
        reviews-v3 in [reviews] isIdle
    """,
    "broken": """
        /bookinfo-gateway-istio isIdle
        /details in [details] isInjected
        /productpage in [productpage] isInjected
        /ratings in [ratings] isIdle hasVS hasRequestRouting hasFaultInjection
        /reviews in [reviews] hasVS hasRequestRouting
        [details]
        [productpage]
        [ratings]
        [reviews]
        bookinfo-gateway-istio-latest isRoot isK8sGatewayAPI
        details-v1 in [details]
        productpage-v1 in [productpage]
        ratings-v1 in [ratings] isIdle
        reviews-v1 in [reviews] isIdle
        reviews-v2 in [reviews] isIdle
        reviews-v3 in [reviews] isIdle
    """,
    "ambient": """
        /bookinfo-gateway-istio isIdle
        /details in [details] isInjected
        /productpage in [productpage] isInjected
        /ratings in [ratings] isInjected
        /reviews in [reviews] isInjected
        [details]
        [productpage]
        [ratings]
        [reviews]
        bookinfo-gateway-istio-latest isRoot isK8sGatewayAPI
        details-v1 in [details] isAmbient
        productpage-v1 in [productpage] isAmbient
        ratings-v1 in [ratings] isAmbient
        reviews-v1 in [reviews] isAmbient
        reviews-v2 in [reviews] isAmbient
        reviews-v3 in [reviews] isAmbient
    """,
    "waypoint": """
        /bookinfo-gateway-istio isIdle
        /details in [details] isInjected
        /productpage in [productpage] isInjected
        /ratings in [ratings] isInjected
        /reviews in [reviews] isInjected
        /waypoint isIdle
        [details]
        [productpage]
        [ratings]
        [reviews]
        bookinfo-gateway-istio-latest isRoot isK8sGatewayAPI
        details-v1 in [details] isAmbient
        productpage-v1 in [productpage] isAmbient
        ratings-v1 in [ratings] isAmbient
        reviews-v1 in [reviews] isAmbient
        reviews-v2 in [reviews] isAmbient
        reviews-v3 in [reviews] isAmbient
        waypoint-latest isIdle isAmbient isK8sGatewayAPI
    """,
}
"""The nodes of Kiali 2.26's graph, idle ones included."""

OLDER_GATEWAYS = {
    "bookinfo-gateway-istio-latest isRoot isK8sGatewayAPI": [
        "=bookinfo-gateway-istio isIdle isOutOfMesh isK8sGatewayAPI",
        "bookinfo-gateway-istio-latest isRoot isAmbient",
    ],
    "waypoint-latest isIdle isAmbient isK8sGatewayAPI": [
        "=waypoint isIdle isOutOfMesh isK8sGatewayAPI"
    ],
}
"""How Kiali 1.87 shows what 2.26 shows otherwise: it knows no application without a label; it has
no `isInjected`."""

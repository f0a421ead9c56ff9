"""Istio 1.32-alpha, a development build that was recorded: what differs from 1.30.3.

Its istiod tells of every Gateway whether its references resolve; its samples bring Jaeger 2.17 and
Kiali 2.27. Of its routes only what it says where no
backend is named was seen to differ.
"""

from __future__ import annotations

from dataclasses import replace

from sandbox.releases.istio_1_30_3 import RELEASE as BEFORE

RELEASE = replace(
    BEFORE,
    version="1.32-alpha",
    charts=replace(BEFORE.charts, fields="istio-1.32-alpha"),
    istiod=replace(BEFORE.istiod, gateway_references=True),
    routing=replace(BEFORE.routing, without_backends=500),
    samples=replace(
        BEFORE.samples,
        jaeger_image="docker.io/jaegertracing/jaeger:2.17.0",
        kiali_image="quay.io/kiali/kiali:v2.27",
        kiali_checksum="bcf35f4254febbc0f794011c1a10a0a559618926bf90e8cb6c37c7dd86b7b806",
    ),
    kiali=replace(BEFORE.kiali, version="v2.27.0"),
)

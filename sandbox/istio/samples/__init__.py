"""The `samples/` directory of the embedded release: Bookinfo, its routing and the addons."""

from __future__ import annotations

from pathlib import Path

from sandbox.istio.samples.addons import build_grafana, build_jaeger, build_prometheus
from sandbox.istio.samples.bookinfo import build_bookinfo, build_version_services
from sandbox.istio.samples.kiali import build_kiali
from sandbox.istio.samples.parts import Object
from sandbox.istio.samples.routing import build_gateway_api_routing, build_istio_routing
from sandbox.releases import find_release
from sandbox.yaml_text import write_yaml_documents


def write_samples(directory: Path, version: str) -> None:
    """Write the files of a release's `samples/`; `directory` is the release's own directory."""
    for path, objects in build_sample_files(version).items():
        target = directory / "samples" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(write_yaml_documents(objects), encoding="utf-8")


def build_sample_files(version: str) -> dict[str, list[Object]]:
    """Return the objects of every sample file, by its path below `samples/`.

    The objects are in the order in which they are applied.
    """
    release = find_release(version)
    samples = release.samples
    files = {
        "addons/prometheus.yaml": build_prometheus(samples),
        "addons/grafana.yaml": build_grafana(samples),
        "addons/jaeger.yaml": build_jaeger(samples),
        "addons/kiali.yaml": build_kiali(samples, release.kiali.version),
        "bookinfo/platform/kube/bookinfo.yaml": build_bookinfo(samples),
        "bookinfo/platform/kube/bookinfo-versions.yaml": build_version_services(),
    }
    files |= {
        f"bookinfo/gateway-api/{name}.yaml": objects
        for name, objects in build_gateway_api_routing(samples).items()
    }
    return files | {
        f"bookinfo/networking/{name}.yaml": objects
        for name, objects in build_istio_routing().items()
    }

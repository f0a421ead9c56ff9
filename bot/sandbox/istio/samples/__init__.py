"""The `samples/` directory of the embedded release: Bookinfo, its routing rules and the addons, from compact tables."""

from __future__ import annotations

from pathlib import Path

import yaml

from bot.sandbox.istio.samples.addons import grafana, jaeger, prometheus
from bot.sandbox.istio.samples.bookinfo import bookinfo, versions
from bot.sandbox.istio.samples.kiali import kiali
from bot.sandbox.istio.samples.parts import Object
from bot.sandbox.istio.samples.releases import sample_release
from bot.sandbox.istio.samples.routing import gateway_api, networking


class _Plain(yaml.SafeDumper):
    """Writes shared parts out each time: a person reads these files."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def write_samples(directory: Path, version: str) -> None:
    """Writes what a release's tarball has under `samples/`; `directory` is the release's own directory."""
    for path, objects in sample_files(version).items():
        target = directory / "samples" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(yaml.dump_all(objects, Dumper=_Plain, sort_keys=False, explicit_start=True), encoding="utf-8")


def sample_files(version: str) -> dict[str, list[Object]]:
    """The objects of every sample file, by its path below `samples/`, in the order in which they are applied."""
    release = sample_release(version)
    files = {
        "addons/prometheus.yaml": prometheus(release),
        "addons/grafana.yaml": grafana(release),
        "addons/jaeger.yaml": jaeger(release),
        "addons/kiali.yaml": kiali(release),
        "bookinfo/platform/kube/bookinfo.yaml": bookinfo(release),
        "bookinfo/platform/kube/bookinfo-versions.yaml": versions(),
    }
    files |= {f"bookinfo/gateway-api/{name}.yaml": objects for name, objects in gateway_api(release).items()}
    return files | {f"bookinfo/networking/{name}.yaml": objects for name, objects in networking().items()}

"""Bookinfo: four services in six Deployments (Istio's sample application)."""

from __future__ import annotations

from sandbox.istio.samples.parts import (
    Object,
    build_deployment,
    build_metadata,
    build_service,
    build_service_account,
    build_service_port,
)
from sandbox.releases.release import SampleTraits

_PORT = 9080
_APPS = {
    "details": ("v1",),
    "ratings": ("v1",),
    "reviews": ("v1", "v2", "v3"),
    "productpage": ("v1",),
}
_WRITABLE = {
    "reviews": {"tmp": "/tmp", "wlp-output": "/opt/ibm/wlp/output"},  # noqa: S108 - a path in a container
    "productpage": {"tmp": "/tmp"},  # noqa: S108 - a path in a container
}
_VERSION_SERVICES = (
    "reviews-v1",
    "reviews-v2",
    "reviews-v3",
    "productpage-v1",
    "ratings-v1",
    "details-v1",
)


def build_bookinfo(release: SampleTraits) -> list[Object]:
    """Build Service, ServiceAccount and Deployments of each application.

    They have no namespace, as in the release.
    """
    objects: list[Object] = []
    for app, versions_of_app in _APPS.items():
        labels = {"app": app, "service": app}
        objects.append(
            build_service(
                build_metadata(app, labels=labels),
                {"app": app},
                [build_service_port("http", _PORT)],
            )
        )
        objects.append(build_service_account(f"bookinfo-{app}", labels={"account": app}))
        objects += [_build_app_deployment(app, version, release) for version in versions_of_app]
    return objects


def build_version_services() -> list[Object]:
    """Build a Service for each version, for routes that cannot name subsets."""
    result = []
    for name in _VERSION_SERVICES:
        app, version = name.split("-")
        result.append(
            build_service(
                build_metadata(name),
                {"app": app, "version": version},
                [build_service_port("http", _PORT)],
            )
        )
    return result


def _build_app_deployment(app: str, version: str, release: SampleTraits) -> Object:
    labels = {"app": app, "version": version}
    container: Object = {
        "name": app,
        "image": release.bookinfo_image.format(f"{app}-{version}"),
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"containerPort": _PORT}],
    }
    pod: Object = {"serviceAccountName": f"bookinfo-{app}", "containers": [container]}
    writable = _WRITABLE.get(app, {})
    if app == "reviews":
        # A path in a container.
        container["env"] = [{"name": "LOG_DIR", "value": "/tmp/logs"}]  # noqa: S108
    if writable:
        container["volumeMounts"] = [
            {"name": name, "mountPath": path} for name, path in writable.items()
        ]
        pod["volumes"] = [{"name": name, "emptyDir": {}} for name in writable]
    template: Object = {"metadata": {"labels": dict(labels)}, "spec": pod}
    if app == "productpage":
        scraped = {"path": "/metrics", "port": str(_PORT), "scrape": "true"}
        template["metadata"]["annotations"] = {f"prometheus.io/{k}": v for k, v in scraped.items()}
    return build_deployment(build_metadata(f"{app}-{version}", labels=labels), labels, template)

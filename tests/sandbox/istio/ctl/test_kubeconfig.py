"""Finding the cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sandbox.istio.ctl.kube import build_object_path
from sandbox.istio.ctl.kubeconfig import load_cluster_access
from sandbox.istio.istioctl_errors import CtlError


def config(server: str, token: str = "", context: str = "one") -> str:
    """A kubeconfig with one context."""
    return yaml.safe_dump(
        {
            "current-context": context,
            "contexts": [
                {
                    "name": context,
                    "context": {"cluster": context, "user": context, "namespace": "shop"},
                }
            ],
            "clusters": [{"name": context, "cluster": {"server": server}}],
            "users": [{"name": context, "user": {"token": token} if token else {}}],
        }
    )


def test_the_current_context_is_used(tmp_path: Path) -> None:
    """Server, namespace and token come from the current context."""
    (tmp_path / "config").write_text(config("http://127.0.0.1:1", "secret"))
    found = load_cluster_access(str(tmp_path / "config"), "")
    assert (found.server, found.namespace) == ("http://127.0.0.1:1", "shop")
    assert found.headers == {"Authorization": "Bearer secret"}


def test_several_files_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$KUBECONFIG may name several files; the first says which context is current, as for kubectl,
    and `--context` picks from all."""
    for name in ("one", "two"):
        (tmp_path / name).write_text(config(f"http://127.0.0.1/{name}", context=name))
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'one'}:{tmp_path / 'two'}")
    assert load_cluster_access("", "").server == "http://127.0.0.1/one"
    assert load_cluster_access("", "two").server == "http://127.0.0.1/two"


@pytest.mark.parametrize(
    ("text", "context", "words"),
    [
        (None, "", "no such file or directory"),
        ("a: [", "", "error loading config file"),
        (config("http://127.0.0.1:1"), "nope", 'context "nope" does not exist'),
    ],
)
def test_a_bad_kubeconfig_is_told(
    tmp_path: Path, text: str | None, context: str, words: str
) -> None:
    """A missing file, a broken one and an unknown context are errors with the place named."""
    if text is not None:
        (tmp_path / "config").write_text(text)
    with pytest.raises(CtlError, match=words):
        load_cluster_access(str(tmp_path / "config"), context)


@pytest.mark.parametrize(
    ("api", "kind", "path"),
    [
        ("v1", "ConfigMap", "/api/v1/namespaces/shop/configmaps/x"),
        ("v1", "Namespace", "/api/v1/namespaces/x"),
        (
            "gateway.networking.k8s.io/v1",
            "GatewayClass",
            "/apis/gateway.networking.k8s.io/v1/gatewayclasses/x",
        ),
        (
            "networking.k8s.io/v1",
            "NetworkPolicy",
            "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/x",
        ),
    ],
)
def test_paths_are_the_apis(api: str, kind: str, path: str) -> None:
    """Core and named groups, cluster scope and plurals."""
    assert build_object_path(api, kind, "shop", "x") == path

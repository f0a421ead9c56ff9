"""`istioctl analyze` of files: alone, and over what is in the cluster."""

from __future__ import annotations

import json
from pathlib import Path

from tests.sandbox.istio.ctl.conftest import Istioctl, typed

RULE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec:
  hosts: [web]
  http: [{route: [{destination: {host: web, subset: v9}}]}]
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{name: http, port: 80}]}
"""


def test_files_alone(tmp_path: Path) -> None:
    """A rule that leads nowhere is found by its file and line, without any cluster."""
    file = tmp_path / "rules.yaml"
    file.write_text(f"{SERVICE}---{RULE}")
    shown = typed("analyze", "--use-kube=false", str(file))
    assert shown.code == 79
    place = f"(VirtualService default/web {file}:7)"
    assert f"Error [IST0101] {place} Referenced host+subset in destinationrule" in shown.out
    told = json.loads(typed("analyze", "--use-kube=false", "-o", "json", str(file)).out)
    found = next(each for each in told if each["code"] == "IST0101")
    assert (found["origin"], found["reference"]) == ("VirtualService default/web", f"{file}:7")


def test_a_directory_and_standard_input(tmp_path: Path) -> None:
    """Both are read; what is in order is said to be."""
    (tmp_path / "a.yaml").write_text(SERVICE.replace("web", "other"))
    rest = RULE.replace(", subset: v9", "")
    words = ("analyze", "--use-kube=false", "-n", "shop", "--output-threshold", "Error")
    shown = typed(*words, str(tmp_path), "-", stdin=f"{SERVICE}---{rest}")
    assert (shown.code, shown.out) == (0, "\n")
    assert shown.err.splitlines()[1:] == [f"  - {tmp_path / 'a.yaml'}", "  - -"]


def test_what_is_no_object(tmp_path: Path) -> None:
    """A file that is not there, and one that holds something else."""
    assert typed("analyze", "--use-kube=false", "none.yaml").err.endswith(
        "stat none.yaml: no such file or directory\n"
    )
    (tmp_path / "x.yaml").write_text("a: 1")
    shown = typed("analyze", "--use-kube=false", str(tmp_path / "x.yaml"))
    assert shown.code == 1
    assert "a document is no object" in shown.err


async def test_files_over_the_cluster(istioctl: Istioctl, tmp_path: Path) -> None:
    """The cluster's namespaces are looked at, and the file's rule as if it were applied."""
    (tmp_path / "rule.yaml").write_text(RULE)
    shown = await istioctl("analyze", str(tmp_path / "rule.yaml"))
    assert 'Referenced host not found: "web"' in shown.out
    assert "IST0102" in shown.out

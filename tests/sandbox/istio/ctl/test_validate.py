"""`istioctl validate`: the words are those of the real one (1.32-alpha, on the same files)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox.istio.ctl.conftest import typed

GOOD = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [reviews]
  http: [{route: [{destination: {host: reviews}}]}]
"""
BAD = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [reviews]
  http: [{route: [{destination: {host: reviews, subset: v1}, weight: -1}]}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: b, namespace: x}
spec: {host: ""}
"""
UNUSED = GOOD.replace("]}]\n", "]}, {route: [{destination: {host: reviews}}]}]\n")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file for manifests."""
    return tmp_path / "rules.yaml"


def test_a_valid_file(file: Path) -> None:
    """It is said to be valid, as is what is not Istio's."""
    file.write_text(GOOD + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n")
    shown = typed("validate", "-f", str(file))
    assert (shown.code, shown.out + shown.err) == (0, f'"{file}" is valid\n')
    assert "validation succeed" in typed("validate", "-f", "-", stdin=GOOD).err


def test_everything_wrong_is_listed(file: Path) -> None:
    """All objects of all files, with their places; a file that is not there as well."""
    file.write_text(BAD)
    shown = typed("v", "-f", str(file), "-f", "/nope.yaml")
    assert shown.code == 1
    assert shown.err == (
        "Error: 3 errors occurred:\n\t* VirtualService//a: weight -1 < 0\n"
        "\t* DestinationRule/x/b: empty domain name not allowed\n"
        '\t* cannot stat file "/nope.yaml": stat /nope.yaml: no such file or directory\n\n\n'
    )


def test_a_misspelt_field(file: Path) -> None:
    """The field is named, and where it stands."""
    file.write_text(GOOD.replace("route:", "rout:"))
    assert 'VirtualService//a: cannot parse proto message: unknown field "rout"' in (
        typed("validate", "-f", str(file)).err
    )


def test_warnings_do_not_fail(file: Path) -> None:
    """A rule that is never reached is told of."""
    file.write_text(UNUSED)
    shown = typed("validate", "-f", str(file))
    assert shown.code == 0
    assert f'"{file}" has warnings: \n\t* VirtualService//a: ' in shown.err
    assert "rule #1 not used (only the last rule can have no matches)" in shown.err


def test_a_directory_and_no_file(tmp_path: Path, file: Path) -> None:
    """A directory's manifests are read; without a file it is said what to type."""
    file.write_text(GOOD)
    (tmp_path / "notes.txt").write_text("no manifest")
    assert f'"{file}" is valid' in typed("validate", "-f", str(tmp_path)).err
    nothing = typed("validate")
    assert (nothing.code, "you must specify resources by --filename" in nothing.err) == (1, True)

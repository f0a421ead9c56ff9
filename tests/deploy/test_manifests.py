"""The manifests, the image and compose: they build, hold no secret, and name only what there is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.settings import list_settings, load_settings
from bot.settings.settings_reader import CONFIG
from bot.settings.showing import CONVENTIONAL

HOME = Path(__file__).parents[2]
DEPLOY = HOME / "manifests" / "deploy"
OVERLAYS = sorted(path.name for path in (DEPLOY / "overlays").iterdir())
COMPONENTS = sorted(path.name for path in (DEPLOY / "components").iterdir())
needs_kubectl = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="needs kubectl, which has kustomize in it"
)
Objects = list[dict[str, Any]]


@cache
def built(place: Path) -> Objects:
    """What `kubectl kustomize` makes of a directory."""
    done = subprocess.run(
        ["kubectl", "kustomize", str(place)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def only(objects: Objects, kind: str, name: str = "meshbot") -> dict[str, Any]:
    """The one object of that kind and name."""
    (found,) = [obj for obj in objects if (obj["kind"], obj["metadata"]["name"]) == (kind, name)]
    return found


def variables(container: dict[str, Any]) -> set[str]:
    """The names of the variables that a container gets one by one."""
    return {each["name"] for each in container["env"]}


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_whole_and_holds_no_secret(overlay: str) -> None:
    """One unprivileged pod that may live anywhere; its account, its roles; Secrets only by name;
    selectors that fit."""
    objects = built(DEPLOY / "overlays" / overlay)
    pod = only(objects, "Deployment")["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert not [obj for obj in objects if obj["kind"] == "Secret"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert pod["spec"]["securityContext"]["runAsNonRoot"]
    assert {"memory"} == set(container["resources"]["limits"])
    for kind in ("Service", "NetworkPolicy"):
        spec = only(objects, kind)["spec"]
        chosen = spec["selector"] if kind == "Service" else spec["podSelector"]["matchLabels"]
        assert chosen.items() <= pod["metadata"]["labels"].items()
    roles = {obj["metadata"]["name"] for obj in objects if obj["kind"] == "ClusterRole"}
    bound = [obj for obj in objects if obj["kind"] == "ClusterRoleBinding"]
    assert {obj["roleRef"]["name"] for obj in bound} == roles
    assert all(
        obj["subjects"] == [{"kind": "ServiceAccount", "name": "meshbot", "namespace": "meshbot"}]
        for obj in bound
    )


@needs_kubectl
def test_each_store_has_its_own_way_to_be_replaced() -> None:
    """A file has one writer: Recreate. PostgreSQL has two bots, of which one always stays."""
    file = only(built(DEPLOY / "overlays" / "workshop"), "Deployment")["spec"]
    assert (file["replicas"], file["strategy"]["type"]) == (1, "Recreate")
    assert {"name": "state", "persistentVolumeClaim": {"claimName": "meshbot-state"}} in file[
        "template"
    ]["spec"]["volumes"]
    several = built(DEPLOY / "overlays" / "workshop-postgres")
    shared = only(several, "Deployment")["spec"]
    assert (shared["replicas"], shared["strategy"]["rollingUpdate"]["maxUnavailable"]) == (2, 0)
    assert "MESHBOT_LEDGER__URL" in variables(shared["template"]["spec"]["containers"][0])
    assert only(several, "PodDisruptionBudget")["spec"]["minAvailable"] == 1


@needs_kubectl
@pytest.mark.parametrize(
    "component", [name for name in COMPONENTS if not name.startswith(("mode-", "store-"))]
)
def test_a_component_can_be_added_to_an_overlay(component: str, tmp_path: Path) -> None:
    """Whatever it patches is there, and ports that it names exist in the pod."""
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    (tmp_path / "mine").mkdir()
    lines = [
        "resources: [../deploy/overlays/workshop]",
        f"components: [../deploy/components/{component}]",
    ]
    (tmp_path / "mine" / "kustomization.yaml").write_text("\n".join(lines))
    objects = built(tmp_path / "mine")
    pod = only(objects, "Deployment")["spec"]["template"]["spec"]
    ports = {port["name"] for port in pod["containers"][0]["ports"]}
    services = [obj for obj in objects if obj["kind"] == "Service"]
    assert {
        port["targetPort"] for service in services for port in service["spec"]["ports"]
    } <= ports


def test_settings_in_the_manifests_are_settings() -> None:
    """The settings file loads, and every variable that a manifest or compose sets is one that the
    bot knows."""
    load_settings(DEPLOY / "base" / "meshbot.yaml", {})
    known = (
        {setting.variable for setting in list_settings()}
        | {CONFIG}
        | {"MESHBOT_" + name.replace(".", "__").upper() for name in CONVENTIONAL}
    )
    files = [
        *DEPLOY.rglob("*.yaml"),
        HOME / "compose.yaml",
        HOME / "Dockerfile",
        *(HOME / "docs").glob("*.md"),
    ]
    named = {
        name
        for file in files
        for name in re.findall(r"\b(?:MESHBOT_|SLACK_)[A-Z_]+\b", file.read_text())
    }
    assert named - known == set()


def test_one_version_everywhere() -> None:
    """The image that is built is the one that manifests, compose and documents name."""
    version = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]["version"]
    files = [
        DEPLOY / "base" / "deployment.yaml",
        *(HOME / name for name in ("compose.yaml", "Dockerfile", "docs/deploy.md")),
    ]
    for file in files:
        text = file.read_text()
        assert set(re.findall(r"(?:\bmeshbot:|newTag: \"|ARG VERSION=)(\d[\w.]*)", text)) == {
            version
        }, file


def test_the_image_carries_its_labels_fonts_and_parts() -> None:
    """Labels, the list of its parts, what draws pictures with its letters, the PostgreSQL driver;
    what is copied is let in."""
    recipe = (HOME / "Dockerfile").read_text()
    labels = set(re.findall(r"org\.opencontainers\.image\.(\w+)=", recipe))
    assert labels == {"title", "description", "licenses", "version", "revision", "created"}
    for part in ("scripts/sbom /opt/meshbot/bin/python", "/healthz"):
        assert part in recipe
    assert "--require-hashes --requirement requirements.lock" in recipe
    assert {"asyncpg", "pillow"} <= set(
        re.findall(r"^([\w-]+)==", (HOME / "requirements.lock").read_text(), re.MULTILINE)
    )
    allowed = {
        line[1:]
        for line in (HOME / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {
        name
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", recipe, re.MULTILINE)
        for name in line.split()
    }
    assert all(any(name == top or name.startswith(f"{top}/") for top in allowed) for name in copied)


PACKAGES = {
    "libstdc++.so.6": "libstdc++6",
    "libz.so.1": "zlib1g",
}
"""Which packages of Debian 13 hold what the wheel loads."""
LIBC = re.compile(r"(ld-linux.*|lib(c|dl|m|pthread|rt|gcc_s))\.so\.\d+")


@pytest.mark.skipif(shutil.which("readelf") is None, reason="needs readelf")
def test_the_image_has_what_pillows_wheel_loads() -> None:
    """Every library that the wheel names and does not bring is in a package that the image
    installs."""
    found = find_spec("PIL")
    if found is None or found.origin is None or sys.platform != "linux":
        pytest.skip("the extra `graphs` is not installed")
    package = Path(found.origin).parent
    files = [*package.glob("*.so"), *package.with_name("pillow.libs").glob("*.so*")]
    told = subprocess.run(
        ["readelf", "-d", *map(str, files)], capture_output=True, text=True, check=True
    ).stdout
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", told)) - {file.name for file in files}
    outside = {name for name in needed if not LIBC.fullmatch(name)}
    assert outside, "the wheel brings everything: the image needs less"
    assert outside - set(PACKAGES) == set()
    recipe = (HOME / "Dockerfile").read_text()
    assert [PACKAGES[name] for name in outside if f" {PACKAGES[name]} " not in recipe] == []


def test_proxy_ca_and_mirrors_are_arguments_of_the_build_and_stand_in_the_documents() -> None:
    """Whoever builds behind a company's network is told each."""
    recipe = (HOME / "Dockerfile").read_text()
    arguments = set(re.findall(r"^ARG (\w+)", recipe, re.MULTILINE))
    mirrors = {"PYTHON_IMAGE", "FETCH_IMAGE", "PIP_INDEX_URL", "DEBIAN_MIRROR"}
    mirrors |= {"ISTIO_RELEASES", "GATEWAY_API_FILES"}
    assert mirrors <= arguments
    told = (HOME / "docs" / "deploy.md").read_text()
    for name in (*mirrors, "HTTPS_PROXY", "NO_PROXY"):
        assert f"--build-arg {name}=" in told, name
    assert "--secret id=ca,src=" in told
    assert recipe.count("--mount=type=secret,id=ca") == 4


def test_compose_starts_the_bot_after_its_database_and_gives_neither_more_than_it_needs() -> None:
    """Health decides the order; both are read-only and without privileges, and take secrets from
    files."""
    made = yaml.safe_load((HOME / "compose.yaml").read_text())
    bot, database = made["services"]["bot"], made["services"]["database"]
    assert bot["depends_on"] == {"database": {"condition": "service_healthy"}}
    for service in (bot, database):
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["healthcheck"]["test"][0] == "CMD"
        assert set(service["secrets"]) <= set(made["secrets"])
        assert re.search(r":[\w.-]*\d", service["image"])
    assert "PASSWORD" not in {*bot["environment"], *database["environment"]}

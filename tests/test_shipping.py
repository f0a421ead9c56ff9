"""What is shipped beside the code: the fetching of an Istio release, the lock files, the image's
recipe, the licence."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import sys
import tarfile
import tomllib
from collections.abc import AsyncIterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HOME = Path(__file__).parent.parent
CRD = b"kind: CustomResourceDefinition\n"
BUNDLE = "v1.5.1"
ARCHIVE, CRDS = (
    "/releases/1.30.3/istio-1.30.3-linux-amd64.tar.gz",
    f"/crds/{BUNDLE}/config/crd/standard/one.yaml",
)
LOCKED = re.compile(r"([\w.-]+)==([\w.]+)( ; [^\\]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*")
WITHOUT_SANDBOX = """
import importlib, pkgutil, sys

sys.modules["sandbox"] = None  # as if it were not there
import bot, handlers
from bot.cli.main import main

for package in (bot, handlers):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.startswith(("bot.cli.sandbox", "bot.__main__", "bot.ledger.migr")):
            importlib.import_module(module.name)
sys.exit(main(["sandbox"]))
"""


def digest(content: bytes) -> str:
    """Its sha256."""
    return hashlib.sha256(content).hexdigest()


def release(version: str, program: str = "bin/istioctl") -> bytes:
    """An archive laid out as Istio's."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        member = tarfile.TarInfo(f"istio-{version}/{program}")
        member.mode, member.size = 0o755, 4
        archive.addfile(member, io.BytesIO(b"#!x\n"))
    return target.getvalue()


@pytest.fixture
def files() -> dict[str, bytes | None]:
    """What the mirror serves, by path; None is not there."""
    archive = release("1.30.3")
    published = f"{digest(archive)} istio-1.30.3-linux-amd64.tar.gz\n".encode()
    return {ARCHIVE: archive, f"{ARCHIVE}.sha256": published, CRDS: CRD}


@pytest.fixture
async def mirror(files: dict[str, bytes | None]) -> AsyncIterator[TestServer]:
    """A server of those files."""

    async def serve(request: web.Request) -> web.Response:
        found = files.get(request.path)
        return web.Response(body=found) if found is not None else web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    server = TestServer(app)
    await server.start_server()
    yield server
    await server.close()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script as it lies, beside the sum of a CRD of our own."""
    folder = tmp_path / "checkout" / "manifests" / "gateway-api"
    folder.mkdir(parents=True)
    (folder / f"{BUNDLE}.sha256").write_text(f"{digest(CRD)}  one.yaml\n")
    (tmp_path / "checkout" / "scripts").mkdir()
    return Path(shutil.copy(HOME / "scripts" / "fetch-istio", tmp_path / "checkout" / "scripts"))


async def fetch(
    script: Path, mirror: TestServer, *arguments: str, most: str = "400"
) -> tuple[int, str, str]:
    """Runs the script against the mirror: exit code and both streams."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        str(script),
        *("--os", "linux", "--arch", "x86_64", *arguments),
        env={
            "PATH": os.environ["PATH"],
            "ISTIO_RELEASES": str(mirror.make_url("/releases")),
            "GATEWAY_API_FILES": str(mirror.make_url("/crds")),
            "ISTIO_MOST_MEGABYTES": most,
        },
        stdout=pipe,
        stderr=pipe,
    )
    out, error = await process.communicate()
    return process.returncode or 0, out.decode(), error.decode()


@pytest.mark.parametrize("pinned", [True, False])
async def test_a_release_is_fetched_with_its_crds(
    script: Path, mirror: TestServer, files: dict[str, bytes | None], tmp_path: Path, pinned: bool
) -> None:
    """What is left is a release directory that meshbot takes as istio.home, and its path is all
    that is printed."""
    pin = ("--sha256", digest(files[ARCHIVE] or b"") if pinned else "")
    code, out, error = await fetch(script, mirror, *pin, str(tmp_path / "releases"))
    home = tmp_path / "releases" / "istio-1.30.3"
    assert (code, out) == (0, f"{home}\n"), error
    assert os.access(home / "bin" / "istioctl", os.X_OK)
    assert (home / "gateway-api" / "one.yaml").read_bytes() == CRD
    assert [path.name for path in home.parent.iterdir()] == [home.name]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({ARCHIVE: b"other"}, "but the release says"),
        ({f"{ARCHIVE}.sha256": b""}, "but the release says"),
        ({f"{ARCHIVE}.sha256": None}, "cannot fetch"),
        ({CRDS: b"other"}, f"but manifests/gateway-api/{BUNDLE}.sha256 says"),
        ({CRDS: None}, "cannot fetch"),
    ],
)
async def test_what_differs_from_its_sum_is_not_kept(
    script: Path,
    mirror: TestServer,
    files: dict[str, bytes | None],
    changes: dict[str, bytes | None],
    said: str,
) -> None:
    """A changed or missing file ends in an error that names it, and leaves nothing behind."""
    files.update(changes)
    target = script.parent / "releases"
    code, out, error = await fetch(script, mirror, str(target))
    assert (code, out) == (1, "")
    assert said in error
    assert list(target.iterdir()) == []


async def test_a_pinned_sum_counts_beside_the_published_one(
    script: Path, mirror: TestServer, tmp_path: Path
) -> None:
    """An archive that was replaced together with its published sum is refused when its sum is
    pinned."""
    code, _, error = await fetch(script, mirror, "--sha256", "0" * 64, str(tmp_path / "releases"))
    assert (code, "but --sha256 says" in error) == (1, True)


async def test_a_mirror_cannot_fill_the_disk(
    script: Path, mirror: TestServer, files: dict[str, bytes | None], tmp_path: Path
) -> None:
    """A file that is too long is read no further, and an archive that unpacks to too much is not
    unpacked, though its sum is right."""
    target = tmp_path / "releases"
    files[ARCHIVE] = bytes(1_000_001)
    code, _, error = await fetch(script, mirror, str(target), most="1")
    assert (code, "istio-1.30.3-linux-amd64.tar.gz is longer than 1 MB" in error) == (1, True)
    files[ARCHIVE] = packed = gzip.compress(bytes(4_100_000))
    files[f"{ARCHIVE}.sha256"] = digest(packed).encode()
    code, _, error = await fetch(script, mirror, str(target), most="1")
    assert (code, "holds more than 4 MB; read no further" in error) == (1, True)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 2),
        (("--version",), 2),
        (("--nonsense", "x"), 2),
        (("one", "two"), 2),
        (("--version", "../../etc", "x"), 1),
        (("--arch", "s390x", "x"), 1),
    ],
)
async def test_wrong_arguments_fetch_nothing(
    script: Path, mirror: TestServer, arguments: tuple[str, ...], code: int
) -> None:
    """Usage errors are 2, impossible wishes 1, both in words."""
    found, out, error = await fetch(script, mirror, *arguments)
    assert (found, out) == (code, "")
    assert error


@pytest.mark.parametrize("bundle", ["v1.1.0", "v1.5.1"])
def test_each_crd_has_a_pinned_sum(bundle: str) -> None:
    """The committed sums are well formed and hold the types that the workshop uses."""
    lines = (HOME / "manifests" / "gateway-api" / f"{bundle}.sha256").read_text().splitlines()
    assert all(
        re.fullmatch(r"[0-9a-f]{64}  gateway\.networking\.k8s\.io_\w+\.yaml", line)
        for line in lines
    )
    assert {"gatewayclasses", "gateways", "httproutes"} <= {
        line.split("_")[1].removesuffix(".yaml") for line in lines
    }


def holds(requirement: Requirement, extra: str = "") -> bool:
    """Whether a requirement counts on this machine, for an extra."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def needed(wanted: list[Requirement]) -> set[str]:
    """Every distribution that these need here, in whatever way, by what is installed."""
    waiting, seen = [each for each in wanted if holds(each)], set[tuple[str, str]]()
    while waiting:
        requirement = waiting.pop()
        for extra in ("", *requirement.extras):
            key = (canonicalize_name(requirement.name), extra)
            if key not in seen:
                seen.add(key)
                below = [
                    Requirement(line) for line in distribution(requirement.name).requires or ()
                ]
                waiting += [each for each in below if holds(each, extra)]
    return {name for name, _ in seen}


def locked(name: str) -> dict[str, str]:
    """The versions in a lock file by distribution; each line is one exact version with hashes."""
    lines = (HOME / name).read_text().replace("\\\n", " ").splitlines()
    found: dict[str, str] = {}
    for line in lines:
        if not line.startswith("#"):
            match = LOCKED.fullmatch(line)
            assert match, line
            assert canonicalize_name(match[1]) not in found, line
            found[canonicalize_name(match[1])] = match[2]
    return found


def groups(*names: str) -> list[Requirement]:
    """What the dependency groups of pyproject.toml ask for, with the groups that they include."""
    listed = tomllib.loads((HOME / "pyproject.toml").read_text())["dependency-groups"]
    found: list[Requirement] = []
    for entry in (entry for name in names for entry in listed[name]):
        found += [Requirement(entry)] if isinstance(entry, str) else groups(entry["include-group"])
    return found


def asked_for() -> list[Requirement]:
    """What the bot asks for directly, with all its extras but the sandbox's, which no image has."""
    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
    chosen = project["optional-dependencies"].items()
    extras = [line for name, lines in chosen for line in lines if name != "sandbox"]
    return [Requirement(line) for line in [*project["dependencies"], *extras]]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("requirements.lock", asked_for()),
        ("requirements-dev.lock", [*asked_for(), *groups("dev")]),
    ],
    ids=["run", "development"],
)
def test_what_is_needed_is_locked(name: str, wanted: list[Requirement]) -> None:
    """What is needed, directly or not, is locked to one version that satisfies pyproject.toml."""
    versions = locked(name)
    assert needed(wanted) <= versions.keys()
    for requirement in wanted:
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)])


def test_what_runs_is_what_is_developed_with() -> None:
    """Both lock files agree, and what is only for development is not among what runs."""
    run, development = locked("requirements.lock"), locked("requirements-dev.lock")
    assert run.items() <= development.items()
    assert {"pytest", "mypy", "ruff", "coverage", "setuptools"}.isdisjoint(run)


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("scripts/build.lock", "build"),
        ("scripts/lock.lock", "lock"),
        ("scripts/sbom.lock", "sbom"),
    ],
)
def test_the_tools_are_locked(name: str, group: str) -> None:
    """Each tool that a script runs from an environment of its own has a lock file."""
    versions = locked(name)
    assert all(wish.specifier.contains(versions[wish.name]) for wish in groups(group))


def test_the_lock_files_name_no_registry() -> None:
    """Where packages come from is for each machine to say."""
    files = [*HOME.glob("*.lock"), *HOME.glob("scripts/*.lock")]
    assert [file.name for file in files if "://" in file.read_text()] == []


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_the_list_of_parts_names_all_that_is_installed(tmp_path: Path) -> None:
    """CycloneDX, with each distribution that the project needs in the version that is here."""
    target = tmp_path / "sbom.cdx.json"
    made = await asyncio.create_subprocess_exec(
        str(HOME / "scripts" / "sbom"), sys.executable, str(target)
    )
    assert await made.wait() == 0
    document = json.loads(target.read_text())
    assert document["bomFormat"] == "CycloneDX"
    assert document["metadata"]["component"]["name"] == "meshbot"
    listed = {canonicalize_name(part["name"]): part["version"] for part in document["components"]}
    assert {
        name: distribution(name).version for name in needed(asked_for())
    }.items() <= listed.items()


def test_the_image_is_pinned_and_unprivileged() -> None:
    """Every stage starts from a tag that is not latest, the last one runs as a number that is not
    root."""
    recipe = (HOME / "Dockerfile").read_text()
    images = re.findall(r"^ARG \w+_IMAGE=(\S+)$", recipe, re.MULTILINE)
    assert images
    assert all(re.search(r":[\w.-]*\d", image) and ":latest" not in image for image in images)
    assert set(re.findall(r"^FROM (\S+)", recipe, re.MULTILINE)) == {
        "${PYTHON_IMAGE}",
        "${FETCH_IMAGE}",
    }
    assert re.findall(r"^USER (\S+)", recipe, re.MULTILINE) == ["10001:10001"]
    for path in re.findall(r"^COPY (?!--from)(.+) \S+$", recipe, re.MULTILINE):
        assert all((HOME / name).exists() for name in path.split()), path


def test_the_image_has_neither_sandbox_nor_tests() -> None:
    """Only what runs is copied, and nothing else is even sent to where the image is built."""
    recipe, sent = (HOME / "Dockerfile").read_text(), (HOME / ".dockerignore").read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", recipe, re.MULTILINE)
    names = {name.split("/")[0] for line in copied for name in line.split()}
    assert {"bot", "handlers", "manifests"} <= names
    assert names.isdisjoint({"sandbox", "tests"})
    assert sent.splitlines()[1] == "*"
    assert set(re.findall(r"^!(\w+)$", sent, re.MULTILINE)) == {
        "bot",
        "handlers",
        "manifests",
        "LICENSE",
    }


@pytest.mark.long
async def test_the_bot_runs_without_the_sandbox() -> None:
    """Everything but the sandbox's command can be imported where there is none, and the command
    says what is missing."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WITHOUT_SANDBOX, cwd=HOME, stdout=pipe, stderr=pipe
    )
    out, error = await process.communicate()
    assert (process.returncode, out) == (2, b""), error.decode()
    assert error.decode().startswith("meshbot: the sandbox is not part of this installation")


def test_the_licence_is_the_one_that_is_declared() -> None:
    """Apache-2.0, whole."""
    text = (HOME / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert (
        tomllib.loads((HOME / "pyproject.toml").read_text())["project"]["license"] == "Apache-2.0"
    )

"""An Istio release as steps see it: version, profiles, precheck, render, and the Gateway API bundle
beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import IstioError, UserError
from bot.istio import Istioctl, istioctl
from bot.istio.release import PROFILES, assess_version
from bot.ports import Identity
from tests.istio.conftest import Release

CRD = (
    "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
    "metadata: {name: gateways.test}\n"
)
POLICY = (
    "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\n"
    "metadata: {name: safe}\n"
)
BINDING = POLICY.replace("Policy\n", "PolicyBinding\n")
OTHER = "apiVersion: v1\nkind: Namespace\nmetadata: {name: gateway-system}\n"


@pytest.mark.parametrize(
    ("version", "kubernetes", "words"),
    [
        ("1.23.2", (27, 30), ""),
        ("1.30.3", (32, 36), ""),
        ("1.30.0", (32, 36), ""),
        ("1.32-alpha", (32, 36), "newer than the newest release known here"),
        ("2.0.0", (32, 36), "newer than the newest release known here"),
        ("1.24.1", (27, 30), "was not checked"),
        ("1.29.0", (32, 36), "was not checked"),
        ("1.9.0", (27, 30), "was not checked"),
        ("unknown", (32, 36), "'unknown'"),
    ],
)
def test_a_release_is_treated_as_the_nearest_known(
    version: str, kubernetes: tuple[int, int], words: str
) -> None:
    """A known release has no notes; any other says what it is treated as."""
    judgement = assess_version(version)
    assert judgement.known.kubernetes == kubernetes
    assert bool(judgement.notes) == bool(words)
    assert words in "".join(map(str, judgement.notes))


async def test_opening_learns_the_release(release: Release, home: Path) -> None:
    """After `open` the version, its Kubernetes range and its directory's profiles are known."""
    (home / "manifests" / "profiles").mkdir(parents=True)
    for name in ("default", "ambient"):
        (home / "manifests" / "profiles" / f"{name}.yaml").write_text("spec: {}\n")
    mesh = release("exit 9")
    await mesh.open()
    assert (mesh.version, mesh.kubernetes_range, mesh.notes) == ("1.30.3", (32, 36), ())
    assert mesh.profiles == ("ambient", "default")


async def test_acting_as_someone_is_said_by_flags(release: Release) -> None:
    """User and groups are named on the command line, each group by a flag of its own."""
    mesh = release('echo "$@"').acting_as(Identity("slack:u1", ("workshop", "guests")))
    async with mesh.run(["install", "-y"]) as program:
        said = [line.line async for line in program.output()]
    assert said[0].startswith("install -y --kubeconfig=/etc/kube/config --context=class")
    assert said[0].endswith("--as=slack:u1 --as-group=workshop --as-group=guests")


async def test_without_a_directory_of_profiles_the_usual_ones_count(release: Release) -> None:
    """A release without `manifests/profiles` offers the ten that both versions have."""
    mesh = release("exit 9")
    await mesh.open()
    assert mesh.profiles == PROFILES
    assert len(PROFILES) == 10


async def test_no_istioctl(home: Path) -> None:
    """A missing istioctl names the path and the setting."""
    with pytest.raises(
        IstioError, match=r"there is no .*/bin/istioctl: MESHBOT_ISTIO__HOME"
    ) as caught:
        await Istioctl(home, None, None, None).open()
    assert caught.value.code == -1


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (b"#!/bin/sh\n", 0o644, "not executable"),
        (
            b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"\x02\x00\xb7\x00" + b"\0" * 100,
            0o755,
            "not a program for this machine",
        ),
        (b"#!/no/such/interpreter\n", 0o755, "interpreter or loader is missing"),
        (b"#!/bin/sh\necho 1.30.3\n", 0o755, "does not tell its version"),
        (b"#!/bin/sh\necho '{}'\n", 0o755, "does not tell its version"),
        (b"#!/bin/sh\necho 'Error: torn binary' >&2; exit 7\n", 0o755, "^torn binary$"),
        (b"#!/bin/sh\nexit 7\n", 0o755, "exit code 7"),
    ],
)
async def test_an_istioctl_that_cannot_be_used(
    home: Path, content: bytes, mode: int, words: str
) -> None:
    """Each way of being unusable is said in words that help."""
    program = home / "bin" / "istioctl"
    program.write_bytes(content)
    program.chmod(mode)
    with pytest.raises(IstioError, match=words):
        await Istioctl(home, None, None, None).open()


async def test_an_istioctl_that_never_answers(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hanging istioctl is ended and said."""
    monkeypatch.setattr(istioctl, "READ_SECONDS", 0.2)
    with pytest.raises(
        IstioError, match=r"`istioctl version --remote=false` did not end within 0\.2 s"
    ):
        await release("", first="sleep 60").open()  # type: ignore[call-arg]  # the fixture's own option


async def test_render_gives_the_objects(release: Release) -> None:
    """The documents of `manifest generate`, without the empty ones; it is asked with exactly these
    arguments."""
    mesh = release(
        """printf -- '---\\nkind: ConfigMap\\nmetadata: {name: "%s"}\\n---\\n' "$*"
        printf -- '\\n---\\nkind: Service\\n'"""
    )
    objects = await mesh.render(["--set", "profile=demo"])
    assert [obj["kind"] for obj in objects] == ["ConfigMap", "Service"]
    assert objects[0]["metadata"]["name"] == "manifest generate --set profile=demo"


@pytest.mark.parametrize(
    ("script", "words", "code"),
    [
        (
            "echo '   |' >&2; echo 'Error: profile \"x\" not found' >&2; exit 1",
            '^profile "x" not found$',
            1,
        ),
        ("echo 'Error: unknown flag: --nope' >&2; exit 64", "^unknown flag: --nope$", 64),
        ("echo '{'", "not YAML", -1),
    ],
)
async def test_render_fails_in_istioctls_words(
    release: Release, script: str, words: str, code: int
) -> None:
    """Wrong arguments come back as istioctl put it, with its exit code."""
    with pytest.raises(IstioError, match=words) as caught:
        await release(script).render([])
    assert caught.value.code == code


FINDING = "Error [IST0142] The Kubernetes Version v1.20.0 is lower than the minimum version: 1.32"


@pytest.mark.parametrize(
    ("script", "good", "said"),
    [
        (
            "echo '✔ No issues found.' >&2; echo '  To get started, see …' >&2",
            True,
            ("✔ No issues found.",),
        ),
        (f"echo '{FINDING}'; echo 'Error: Issues found' >&2; exit 1", False, (FINDING,)),
    ],
)
async def test_precheck_reads_both_streams(
    release: Release, script: str, good: bool, said: tuple[str, ...]
) -> None:
    """The all-clear is on standard error, findings on standard output."""
    assert await release(script).precheck() == (good, said)


async def test_precheck_that_could_not_look(release: Release) -> None:
    """No finding and a failing exit is no verdict on the cluster: it raises."""
    with pytest.raises(IstioError, match="connection refused"):
        await release("echo 'Error: dial tcp: connection refused' >&2; exit 1").precheck()


@pytest.mark.parametrize(
    ("files", "setting"),
    [
        (
            {"gateway-api/standard-install.yaml": f"{POLICY}---\n{OTHER}---\n{CRD}---\n{BINDING}"},
            None,
        ),
        (
            {
                "gateway-api/standard/a.yaml": POLICY,
                "gateway-api/standard/b.yaml": CRD + "---\n" + BINDING,
                "gateway-api/standard/kustomization.yaml": "resources: [a.yaml]",
                "gateway-api/experimental/a.yaml": CRD,
            },
            None,
        ),
        ({"crds/a.yaml": f"{CRD}---\n{POLICY}---\n{BINDING}"}, "crds"),
        ({"crds.yaml": f"# comment\n---\n{CRD}---\n{POLICY}---\n{BINDING}"}, "crds.yaml"),
    ],
)
async def test_the_gateway_api_bundle_is_found(
    release: Release, home: Path, files: dict[str, str], setting: str | None
) -> None:
    """A file or a directory, by setting or beside the release: only CRDs and policies, in the order
    of applying."""
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    release("exit 9")
    mesh = Istioctl(home, None, None, home / setting if setting else None)
    await mesh.open()
    kinds = [obj["kind"] for obj in mesh.gateway_api()]
    assert kinds == [
        "CustomResourceDefinition",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "There are no Gateway API CRDs at"), ("{", "cannot be read"), (OTHER, "hold no CRDs")],
)
async def test_without_a_bundle_it_says_where_to_get_one(
    release: Release, home: Path, text: str | None, words: str
) -> None:
    """Opening succeeds without a bundle; asking for it says what to do."""
    if text is not None:
        (home / "gateway-api").write_text(text)
    mesh = release("exit 9")
    await mesh.open()
    with pytest.raises(UserError, match=words) as caught:
        mesh.gateway_api()
    assert caught.value.hint

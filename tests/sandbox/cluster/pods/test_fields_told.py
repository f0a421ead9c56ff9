"""What the API server says of misspelt fields and wrong values in Kubernetes' own types, and what
`kubectl explain` shows of all types. The words are those of Kubernetes 1.36.3."""

from __future__ import annotations

import pytest

from sandbox.cluster.kinds import BUILT_IN
from sandbox.cluster.machinery.meta import CRDS
from sandbox.cluster.registry.built_in_fields import build_schemas, find_type
from tests.sandbox.cluster.controllers.world import World
from tests.sandbox.cluster.pods.conftest import Run

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: typed}
spec:
  SPEC
  selector: {matchLabels: {app: typed}}
  template:
    metadata: {labels: {app: typed}}
    spec: {containers: [{name: a, image: nginx, MORE}]}
"""


def manifest(spec: str = "replicas: 1", more: str = "ports: []") -> str:
    """A Deployment with these fields."""
    return DEPLOYMENT.replace("SPEC", spec).replace("MORE", more)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (
            manifest("replica: 2", "img: b"),
            'strict decoding error: unknown field "spec.replica", '
            'unknown field "spec.template.spec.containers[0].img"',
        ),
        (
            manifest("replicas: two"),
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of "
            "type int32",
        ),
        (
            manifest(more="env: [{name: a, value: 1}]"),
            "json: cannot unmarshal number into Go struct field "
            "EnvVar.spec.template.spec.containers.env.value of type string",
        ),
        (
            manifest(more="ports: {containerPort: 80}"),
            "json: cannot unmarshal object into Go struct field "
            "Container.spec.template.spec.containers.ports of type []v1.ContainerPort",
        ),
    ],
)
async def test_a_mistyped_manifest_is_refused(kubectl: Run, typed: str, why: str) -> None:
    """kubectl apply fails with what is wrong, and creates nothing."""
    code, _, err = await kubectl("apply", "-f", "-", typed=typed)
    told = f'Deployment in version "v1" cannot be handled as a Deployment: {why}\n'
    assert (code, err.endswith(told)) == (1, True), err
    assert (await kubectl("get", "deployment", "typed"))[0] == 1


async def test_a_plain_value_of_a_map(kubectl: Run) -> None:
    """For a ConfigMap's number the map is named, not the key."""
    typed = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: 1}\n"
    _, _, err = await kubectl("apply", "-f", "-", typed=typed)
    assert err.endswith(
        "cannot unmarshal number into Go struct field ConfigMap.data of type string\n"
    )


async def test_who_asks_to_be_warned_is(kubectl: Run) -> None:
    """With `--validate=warn` the field is dropped, with a warning; a patch warns too."""
    code, out, err = await kubectl(
        "create", "--validate=warn", "-f", "-", typed=manifest("replica: 2")
    )
    assert (code, out) == (0, "deployment.apps/typed created\n")
    assert err == 'Warning: unknown field "spec.replica"\n'
    _, out, err = await kubectl("patch", "deployment", "typed", "-p", '{"spec":{"replica":3}}')
    assert (out, err) == (
        "deployment.apps/typed patched (no change)\n",
        'Warning: unknown field "spec.replica"\n',
    )


async def test_server_side_apply_names_the_first(kubectl: Run) -> None:
    """Server-side apply knows only declared fields."""
    code, _, err = await kubectl("apply", "--server-side", "-f", "-", typed=manifest("replica: 2"))
    assert code == 1
    assert "Kind=Deployment): .spec.replica: field not declared in schema" in err


async def test_explain_shows_fields(kubectl: Run) -> None:
    """`kubectl explain` lists fields with their types, of a built-in kind and of a part of it."""
    _, out, err = await kubectl("explain", "deployment.spec")
    assert "FIELD: spec <DeploymentSpec>" in out, err
    assert "  replicas\t<integer>\n" in out
    assert "  template\t<PodTemplateSpec> -required-\n" in out
    _, out, _ = await kubectl("explain", "pod.spec.containers.env")
    assert "FIELD: env <[]EnvVar>" in out
    code, _, err = await kubectl("explain", "job.spec.nothing")
    assert (code, err) == (1, 'error: field "nothing" does not exist\n')


async def test_explain_knows_custom_types(world: World, kubectl: Run) -> None:
    """A CRD's own schema is explained, descriptions included."""
    about = {"type": "object", "properties": {"hosts": {
        "type": "array", "items": {"type": "string"}, "description": "Who is meant."}}}  # fmt: skip
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": about}}}
    await world.client.create(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "rules.test.example"},
            "spec": {
                "group": "test.example",
                "scope": "Namespaced",
                "names": {"kind": "Rule", "plural": "rules"},
                "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
            },
        }
    )
    assert await world.client.get(CRDS, "rules.test.example")
    await kubectl("wait", "--for=condition=Established", "crd/rules.test.example")
    _, out, err = await kubectl("explain", "rule.spec")
    assert "  hosts\t<[]string>\n    Who is meant.\n" in out, err


async def test_a_kind_that_is_not_served_is_said_so(kubectl: Run) -> None:
    """A manifest that comes before its CRD: kubectl says what is missing."""
    typed = "apiVersion: test.example/v1\nkind: Rule\nmetadata: {name: r}\nspec: {a: 1}\n"
    code, _, err = await kubectl("apply", "-f", "-", typed=typed)
    assert code == 1
    assert 'no matches for kind "Rule" in version "test.example/v1"' in err
    assert "ensure CRDs are installed first" in err


def test_every_type_is_whole() -> None:
    """Each built-in kind with objects has fields, and no type refers to one that is missing."""
    created_only = {"Binding"}
    for kind in BUILT_IN:
        for version in kind.versions:
            name = find_type(kind.format_api_version(version.name), kind.kind)
            assert name or kind.kind in created_only, kind
            if name:
                assert all(schema["type"] for schema in build_schemas(name).values())

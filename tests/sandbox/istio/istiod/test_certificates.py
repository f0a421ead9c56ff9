"""Certificates of listeners as istiod judges them."""

from __future__ import annotations

import base64
from typing import Any, cast

import pytest

from sandbox.cluster.contract import Client, Object, Ref
from sandbox.istio.istiod.certificates import find_certificate_problem

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
GRANT = {
    "metadata": {"namespace": "certs"},
    "spec": {"from": [{"kind": "Gateway", "namespace": "shop"}], "to": [{"kind": "Secret"}]},
}


class Secrets:
    """An API server that has one Secret, whoever asks by its name."""

    def __init__(self, **data: str) -> None:
        self._data = {
            k.replace("_", "."): base64.b64encode(v.encode()).decode() for k, v in data.items()
        }

    async def get(self, ref: Ref, name: str, namespace: str = "") -> Object | None:
        """The Secret, or None by another name."""
        return {"metadata": {"name": name}, "data": self._data} if name == "cert" else None


@pytest.mark.parametrize(
    ("name", "data", "place", "grants", "words"),
    [
        ("cert", {"tls_crt": PEM, "tls_key": "k"}, "shop", [], ""),
        ("cert", {"cert": PEM, "key": "k"}, "shop", [], ""),
        ("other", {}, "shop", [], "secret shop/other not found"),
        ("cert", {"ca_crt": PEM}, "shop", [], "didn't have expected keys"),
        ("cert", {"tls_crt": "text", "tls_key": "k"}, "shop", [], "certificate is malformed"),
        ("cert", {"tls_crt": PEM, "tls_key": "k"}, "certs", [], "missing a ReferenceGrant?"),
        ("cert", {"tls_crt": PEM, "tls_key": "k"}, "certs", [GRANT], ""),
    ],
)
async def test_what_is_wrong_with_a_certificate(
    name: str, data: dict[str, str], place: str, grants: list[Any], words: str
) -> None:
    """It is there, has the keys, is PEM, and may be used from the Gateway's namespace."""
    listener = {"tls": {"certificateRefs": [{"name": name, "namespace": place}]}}
    client = cast(Client, Secrets(**data))
    said = await find_certificate_problem(client, listener, "shop", grants)
    assert words in said
    assert bool(said) is bool(words)

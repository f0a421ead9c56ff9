"""What a pod's annotations keep from its sidecar."""

from __future__ import annotations

import pytest

from sandbox.dataplane.engine.redirection import read_redirection
from tests.sandbox.dataplane.engine.place import Place
from tests.sandbox.dataplane.engine.test_policies import STRICT, has_reviews, rule

PREFIX = "traffic.sidecar.istio.io/"


@pytest.mark.parametrize(
    ("annotations", "taken"),
    [
        ({}, True),
        ({"excludeInboundPorts": "15020,9080"}, False),
        ({"includeInboundPorts": ""}, False),
        ({"includeInboundPorts": "8080, 9080"}, True),
    ],
)
def test_what_arrives(annotations: dict[str, str], taken: bool) -> None:
    """Excluded ports, and those that a list lacks, go past the sidecar."""
    told = read_redirection({f"{PREFIX}{k}": v for k, v in annotations.items()})
    assert told.takes_inbound(9080) is taken


@pytest.mark.parametrize(
    ("annotations", "taken"),
    [
        ({}, True),
        ({"excludeOutboundPorts": "9080"}, False),
        ({"excludeOutboundIPRanges": "10.96.0.0/12"}, False),
        ({"includeOutboundIPRanges": "192.168.0.0/16"}, False),
        ({"includeOutboundIPRanges": "192.168.0.0/16", "includeOutboundPorts": "9080"}, True),
    ],
)
def test_what_is_sent(annotations: dict[str, str], taken: bool) -> None:
    """Exclusions go first, then ports, then ranges."""
    told = read_redirection({f"{PREFIX}{k}": v for k, v in annotations.items()})
    assert told.takes_outbound("10.96.3.4", 9080) is taken


def keep(place: Place, name: str, **annotations: str) -> Place:
    """Gives the pods of a Deployment annotations."""
    for pod in place.around.live.pods.values():
        if pod["metadata"]["name"].startswith(name):
            told = {f"{PREFIX}{k}": v for k, v in annotations.items()}
            pod["metadata"]["annotations"] = {**pod["metadata"]["annotations"], **told}
    return place


def test_mutual_tls_to_a_port_kept_out() -> None:
    """Callers speak it still, and the application does not."""
    assert not has_reviews(keep(Place(), "reviews", excludeInboundPorts="9080"))


def test_plain_text_to_a_port_kept_out() -> None:
    """A DestinationRule can have callers send what the application speaks, even under STRICT."""
    place = Place(rules=[rule("reviews", tls={"mode": "DISABLE"})], peers=dict(STRICT))
    assert has_reviews(keep(place, "reviews", excludeInboundPorts="9080"))


@pytest.mark.parametrize(("peers", "seen"), [({}, True), (STRICT, False)])
def test_sending_past_the_sidecar(peers: dict[tuple[str, str], object], seen: bool) -> None:
    """What goes past it is plain text, which STRICT resets."""
    place = Place(peers=dict(peers))  # type: ignore[arg-type] # a parameter is any object
    assert has_reviews(keep(place, "productpage", excludeOutboundPorts="9080")) is seen

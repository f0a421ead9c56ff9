"""What counts as a difference between a recorded answer of Kiali and one of the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.truth.kiali import compare_answer
from tests.sandbox.observability.stages import Answer


def find(recorded: Any, said: Any, name: str = "2.26 fault graph") -> list[str]:
    """The paths that differ."""
    return [each.where for each in compare_answer(name, recorded, Answer(200, said))]


def drawn(rate: str, *, salt: str) -> Any:
    """A graph of one call; its ids are made with a salt."""
    nodes = [
        {"id": f"{app}{salt}", "nodeType": "app", "app": app, "workload": app}
        for app in ("page", "reviews")
    ]
    edge = {
        "id": f"e{salt}",
        "source": f"page{salt}",
        "target": f"reviews{salt}",
        "traffic": {"protocol": "http", "rates": {"http": rate}},
    }
    elements = {"nodes": [{"data": n} for n in nodes], "edges": [{"data": edge}]}
    return {"timestamp": salt, "elements": elements}


def test_graphs_are_compared_by_what_their_nodes_are() -> None:
    """Not by hashes, times or the order; rates may jitter."""
    other = drawn("2.80", salt="b")
    other["elements"]["nodes"].reverse()
    assert find(drawn("3.00", salt="a"), other) == []
    (path,) = find(drawn("3.00", salt="a"), drawn("6.00", salt="b"))
    assert path.endswith("traffic/rates/http")


@pytest.mark.parametrize(
    ("recorded", "said", "expected"),
    [
        ([{"name": "a", "n": 1}, {"name": "b"}], [{"name": "b"}, {"name": "a", "n": 1}], []),
        ([{"name": "a", "ok": True}], [{"name": "a", "ok": False}], ["/a/ok"]),
        ({"status": "Failure"}, {"status": "Degraded"}, ["/status"]),
        ({"names": ["b", "a"]}, {"names": ["a", "b"]}, []),
        ({"_error": "Error from server (NotFound): …"}, {"a": 1}, ["/a", "/status code"]),
    ],
)
def test_answers(recorded: Any, said: Any, expected: list[str]) -> None:
    """Lists by the names of their members, everything else as it is."""
    assert find(recorded, said) == expected


def test_only_known_differences_have_a_reason() -> None:
    """Another status of health has none, the version of the recorded program has one."""
    for name, recorded, said, explained in (
        ("2.26 fault graph", {"status": "Failure"}, {"status": "Healthy"}, False),
        (
            "2.26 bare status",
            {"status": {"Kiali version": "unknown"}},
            {"status": {"Kiali version": "v2.26.0"}},
            True,
        ),
    ):
        (found,) = compare_answer(name, recorded, Answer(200, said))
        assert bool(found.reason) == explained

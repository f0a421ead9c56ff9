"""The picture of `graph`, as a value: its edges, its nodes, and the same in words."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.drawings import Edge, GraphPicture
from bot.knowledge.graph.graph_nodes import GraphNodes
from bot.knowledge.observe.graph import (
    Graph,
    describe_graph,
    drop_duplicate_calls,
    sort_calls,
)
from bot.knowledge.snapshot import Snapshot
from bot.text import Listed, Seconds, Text


def build_graph_picture(graph: Graph, now: Snapshot, namespace: str) -> GraphPicture:
    """Build the graph's picture: one box for each application; a Service with a single
    workload behind it is one node.
    """
    nodes = GraphNodes.from_graph(graph, now)
    edges = [
        Edge(
            source=nodes.get_caller_node(call.source),
            target=nodes.get_target_node(call.target),
            protocol=call.protocol,
            rate=call.rate,
            failed=call.failed,
            why=call.results[0] if call.results else "",
            secure=call.secure,
            waypoint=call.protocol != "tcp" and nodes.is_through_waypoint(call.source),
        )
        for call in sort_calls(drop_duplicate_calls(graph.calls))
    ]
    edges += nodes.build_split_edges(
        sorted(
            drop_duplicate_calls(graph.inner),
            key=lambda call: (call.source, call.target, call.protocol),
        )
    )
    return GraphPicture(
        title=Text("Traffic in {namespace}", namespace=namespace),
        caption=Text(
            "{source}, {duration} until {time}",
            source=graph.source,
            duration=Seconds(graph.seconds, "rough"),
            time=format_utc_time(graph.at),
        ),
        nodes=tuple(nodes.build_nodes(edges)),
        edges=tuple(edges),
        words=Text("Traffic graph. {calls}", calls=Listed(describe_graph(graph), "semicolon")),
    )


def format_utc_time(at: float) -> str:
    """Return a time (epoch seconds) as `2026-11-25 19:05:12 UTC`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

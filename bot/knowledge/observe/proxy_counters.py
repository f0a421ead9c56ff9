"""What proxies have counted themselves, asked of each: what there is to see without Prometheus.

The bot's roles do not grant it, for who may ask one pod so may ask any; an administrator may.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.errors import ClusterError
from bot.kinds import POD, Kind, Object
from bot.knowledge.objects.workloads import get_condition, get_name
from bot.knowledge.observe.prometheus import Series
from bot.ports import HttpRequest
from bot.steps import Context

STATS_PORT, STATS_PATH = 15020, "/stats/prometheus"
"""Where ztunnel, and the agent beside an Envoy, serve metrics (Istio 1.23 and 1.30)."""
POD_PROXY = Kind("", "v1", "pods/proxy", "Pod")
MOST_STATS = 8_000_000
"""Bytes of one proxy's metrics: an Envoy with many clusters has some megabytes."""
_SAMPLE = re.compile(r"(?P<name>[\w:]+)\{(?P<labels>.*)\} (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class CounterQuery:
    """A counter of the proxies in the pods that a selector selects: the sum over the series with
    these labels, for each combination of the values of `by`.
    """

    namespace: str
    selector: str
    name: str
    where: Mapping[str, str]
    by: tuple[str, ...]


async def may_ask_pods(context: Context, namespace: str) -> bool:
    """Tell whether the bot's account may ask pods of a namespace through the API server."""
    try:
        return await context.cluster.allowed("get", POD_PROXY, namespace)
    except ClusterError:
        return False


async def read_counters(context: Context, query: CounterQuery) -> list[Series]:
    """Return the sums over all proxies that run.

    Raises ClusterError when one does not answer.
    """
    pods = await context.cluster.find(POD, query.namespace, labels=query.selector)
    ready = [p for p in pods if get_condition(p, "Ready").get("status") == "True"]
    found = await asyncio.gather(*(read_stats(context, pod) for pod in ready))
    samples = [each for text in found for each in parse_samples(text, query.name)]
    return sum_series(query, samples)


async def read_stats(context: Context, pod: Object) -> str:
    """Return a proxy's metrics in Prometheus' text format; "" where it has none to show."""
    answer = await context.web.ask(
        HttpRequest(
            pod["metadata"]["namespace"],
            get_name(pod),
            STATS_PORT,
            STATS_PATH,
            most=MOST_STATS,
            resource="pods",
        )
    )
    return answer.text if answer.status == 200 else ""


def parse_samples(text: str, name: str) -> Iterator[Series]:
    """Yield the samples of one metric."""
    for line in text.splitlines():
        match = _SAMPLE.match(line) if line.startswith(name) else None
        if match and match["name"] == name:
            yield Series(dict(_LABEL.findall(match["labels"])), float(match["value"]))


def sum_series(query: CounterQuery, samples: Sequence[Series]) -> list[Series]:
    """Return the sums that a query asks for."""
    sums: Counter[tuple[str, ...]] = Counter()
    for sample in samples:
        if all(sample[label] == value for label, value in query.where.items()):
            sums[tuple(sample[label] for label in query.by)] += sample.value  # type: ignore[assignment]
    return [Series(dict(zip(query.by, key, strict=True)), value) for key, value in sums.items()]

"""Figures as Prometheus reads them; the only user of its client library, with a registry of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bot.figures import Figure, Source, Spread

PREFIX = "meshbot_"


def exposition(sources: Sequence[Source]) -> bytes:
    """All figures of all sources as they are now, in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Gathered(sources))
    return generate_latest(registry)


class _Gathered(Collector):
    """What a registry asks for its metrics."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """The figures, those of one name together."""
        named: dict[str, list[Figure]] = {}
        for figure in chain.from_iterable(source() for source in self._sources):
            named.setdefault(figure.name, []).append(figure)
        return (_metric(figures) for figures in named.values())


def _metric(figures: list[Figure]) -> Metric:
    first = figures[0]
    name, labels = PREFIX + first.name, [label for label, _ in first.labels]
    if isinstance(first.value, Spread):
        histogram = HistogramMetricFamily(name, first.says, labels=labels)
        for figure in figures:
            assert isinstance(figure.value, Spread), "figures of one name are of one kind"
            histogram.add_metric(_values(figure), _buckets(figure.value), figure.value.total)
        return histogram
    family = CounterMetricFamily if first.kind == "counter" else GaugeMetricFamily
    metric = family(name, first.says, labels=labels)
    for figure in figures:
        assert not isinstance(figure.value, Spread), "figures of one name are of one kind"
        metric.add_metric(_values(figure), figure.value)
    return metric


def _values(figure: Figure) -> list[str]:
    return [value for _, value in figure.labels]


def _buckets(spread: Spread) -> list[tuple[str, float]]:
    bounds: Iterable[str] = chain(map(str, spread.bounds), ["+Inf"])
    return list(zip(bounds, map(float, accumulate(spread.counts)), strict=True))

"""Metrics as Prometheus reads them.

This is the only user of its client library, with a registry of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as MetricFamily
from prometheus_client.registry import Collector

from bot.metrics import Histogram, Metric, Source

PREFIX = "meshbot_"


def render_metrics(sources: Sequence[Source]) -> bytes:
    """Render all metrics of all sources as they are now, in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_SourceCollector(sources))
    return generate_latest(registry)


class _SourceCollector(Collector):
    """Collector that a registry asks for the metrics of all sources."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[MetricFamily]:
        """Return the metrics, those of one name together."""
        named: dict[str, list[Metric]] = {}
        for figure in chain.from_iterable(source() for source in self._sources):
            named.setdefault(figure.name, []).append(figure)
        return (_build_metric_family(figures) for figures in named.values())


def _build_metric_family(figures: list[Metric]) -> MetricFamily:
    first = figures[0]
    name, labels = PREFIX + first.name, [label for label, _ in first.labels]
    if isinstance(first.value, Histogram):
        histogram = HistogramMetricFamily(name, first.says, labels=labels)
        for figure in figures:
            assert isinstance(figure.value, Histogram), "figures of one name are of one kind"
            histogram.add_metric(
                _list_label_values(figure), _build_buckets(figure.value), figure.value.total
            )
        return histogram
    family = CounterMetricFamily if first.kind == "counter" else GaugeMetricFamily
    metric = family(name, first.says, labels=labels)
    for figure in figures:
        assert not isinstance(figure.value, Histogram), "figures of one name are of one kind"
        metric.add_metric(_list_label_values(figure), figure.value)
    return metric


def _list_label_values(figure: Metric) -> list[str]:
    return [value for _, value in figure.labels]


def _build_buckets(spread: Histogram) -> list[tuple[str, float]]:
    bounds: Iterable[str] = chain(map(str, spread.bounds), ["+Inf"])
    return list(zip(bounds, map(float, accumulate(spread.counts)), strict=True))

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
        for metric in chain.from_iterable(source() for source in self._sources):
            named.setdefault(metric.name, []).append(metric)
        return (_build_metric_family(metrics) for metrics in named.values())


def _build_metric_family(metrics: list[Metric]) -> MetricFamily:
    first = metrics[0]
    name, labels = PREFIX + first.name, [label for label, _ in first.labels]
    if isinstance(first.value, Histogram):
        histogram = HistogramMetricFamily(name, first.says, labels=labels)
        for metric in metrics:
            assert isinstance(metric.value, Histogram), "metrics of one name are of one kind"
            histogram.add_metric(
                _list_label_values(metric), _build_buckets(metric.value), metric.value.total
            )
        return histogram
    family = CounterMetricFamily if first.kind == "counter" else GaugeMetricFamily
    simple = family(name, first.says, labels=labels)
    for metric in metrics:
        assert not isinstance(metric.value, Histogram), "metrics of one name are of one kind"
        simple.add_metric(_list_label_values(metric), metric.value)
    return simple


def _list_label_values(metric: Metric) -> list[str]:
    return [value for _, value in metric.labels]


def _build_buckets(histogram: Histogram) -> list[tuple[str, float]]:
    bounds: Iterable[str] = chain(map(str, histogram.bounds), ["+Inf"])
    return list(zip(bounds, map(float, accumulate(histogram.counts)), strict=True))

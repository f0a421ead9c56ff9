"""A proxy's metrics in Prometheus' text format, as its agent serves them on 15020."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.observability.sources import Sample

_SUFFIXES = ("_bucket", "_sum", "_count")


def format_exposition(samples: Iterable[Sample]) -> str:
    """Return the text, one block for each metric."""
    blocks: dict[tuple[str, str], list[str]] = {}
    for sample in samples:
        suffix = next((s for s in _SUFFIXES if sample.name.endswith(s)), "")
        metric = (sample.name.removesuffix(suffix), "histogram" if suffix else "counter")
        labels = ",".join(
            f'{name}="{_escape_label_value(value)}"'
            for name, value in sorted(sample.labels.items())
        )
        blocks.setdefault(metric, []).append(f"{sample.name}{{{labels}}} {sample.value:g}")
    lines = [
        line for (name, kind), found in blocks.items() for line in (f"# TYPE {name} {kind}", *found)
    ]
    return "\n".join((*lines, ""))


def _escape_label_value(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

"""What proxies have counted, asked of each of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.errors import Unavailable
from bot.knowledge.observe.proxy_counters import CounterQuery, parse_samples, read_counters
from tests.knowledge.observe.stage import asking

NAMESPACE = "/api/v1/namespaces/istio-system/pods"
OPENED = "istio_tcp_connections_opened_total"
QUERY = CounterQuery(
    "istio-system", "app=ztunnel", OPENED, {"connection_security_policy": "mutual_tls"}, ("to",)
)


def ztunnel(name: str, *, ready: bool = True) -> dict[str, Any]:
    """A pod of ztunnel."""
    condition = {"type": "Ready", "status": str(ready)}
    return {
        "metadata": {"name": name, "namespace": "istio-system"},
        "status": {"conditions": [condition]},
    }


def stats(**opened: float) -> str:
    """A ztunnel's metrics: encrypted connections by where they led, and one in plain text."""
    lines = [
        f'{OPENED}{{connection_security_policy="mutual_tls",to="{to}"}} {count:g}'
        for to, count in opened.items()
    ]
    plain = f'{OPENED}{{connection_security_policy="none",to="web"}} 7'
    return "\n".join([f"# TYPE {OPENED} counter", *lines, plain, f'{OPENED}_x{{to="web"}} 5', ""])


async def test_counters_of_all_ready_proxies_are_added_up(tmp_path: Path) -> None:
    """Those of other series and of other names are not, nor is a pod asked that is not ready."""
    answers = {
        NAMESPACE: {"items": [ztunnel("a"), ztunnel("b"), ztunnel("c", ready=False)]},
        f"{NAMESPACE}/a:15020/stats/prometheus": stats(web=2, shop=1),
        f"{NAMESPACE}/b:15020/stats/prometheus": stats(web=3),
    }
    async with asking(answers, tmp_path) as context:
        found = await read_counters(context, QUERY)
    assert {series["to"]: series.value for series in found} == {"web": 5, "shop": 1}


async def test_a_proxy_that_does_not_answer_is_no_proxy_that_counted_nothing(
    tmp_path: Path,
) -> None:
    """The sum would be too small."""
    away = (
        503,
        {"kind": "Status", "apiVersion": "v1", "message": "connection refused", "code": 503},
    )
    answers = {
        NAMESPACE: {"items": [ztunnel("a")]},
        f"{NAMESPACE}/a:15020/stats/prometheus": away,
    }
    async with asking(answers, tmp_path) as context:
        with pytest.raises(Unavailable, match="refused"):
            await read_counters(context, QUERY)


def test_labels_may_hold_anything() -> None:
    """Braces, commas and escaped quotes are a value's own."""
    (found,) = parse_samples(r'x_total{a="b,c}",d="say \"no\""} 4', "x_total")
    assert (found["a"], found["d"], found.value) == ("b,c}", r"say \"no\"", 4)

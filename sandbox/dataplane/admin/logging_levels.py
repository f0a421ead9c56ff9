"""The levels of a proxy's loggers, as `/logging` of the administration port shows and sets them.

Names are Envoy's own (its source, `ALL_LOGGER_IDS`), but for those that only its tests have.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from sandbox.cluster.contract import Request, Response

LOGGERS = (
    "admin alternate_protocols_cache aws assert backtrace basic_auth cache_filter client config "
    "connection conn_handler decompression dns dubbo envoy_bug ext_authz ext_proc rocketmq file "
    "filter forward_proxy geolocation grpc happy_eyeballs hc health_checker http http2 hystrix "
    "init io jwt kafka key_value_store lua main matcher misc mongo multi_connection oauth2 quic "
    "quic_stream pool rate_limit_quota rbac rds redis router runtime stats secret tap testing "
    "thrift tracing upstream udp wasm websocket golang"
).split()
LEVELS = ("trace", "debug", "info", "warning", "error", "critical", "off")
USUAL = "warning"
"""What sidecars and gateways are started with (`global.proxy.logLevel`)."""
_TEXT = {"Content-Type": "text/plain; charset=UTF-8"}
_USAGE = (
    "usage: /logging?<name>=<level> (change single level)\n"
    "usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)\n"
    "usage: /logging?level=<level> (change all levels)\n"
    f"levels: {' '.join(LEVELS)}\n"
)


class LogLevels:
    """What people have set, by the pod's uid; nothing is written more or less for it."""

    def __init__(self) -> None:
        self._set: dict[str, dict[str, str]] = {}

    def answer_request(self, uid: str, request: Request) -> Response:
        """Change what the query names, and return all levels."""
        levels = {**dict.fromkeys(LOGGERS, USUAL), **self._set.get(uid, {})}
        for name, level in parse_qsl(request.query):
            if (name not in levels and name != "level") or level not in LEVELS:
                return Response(400, _USAGE.encode(), _TEXT)
            levels |= dict.fromkeys(LOGGERS, level) if name == "level" else {name: level}
            self._set[uid] = levels
        lines = [f"  {name}: {levels[name]}" for name in LOGGERS]
        return Response(200, "\n".join(("active loggers:", *lines, "", "")).encode(), _TEXT)

    def forget(self, uid: str) -> None:
        """Forget a pod that is gone."""
        self._set.pop(uid, None)

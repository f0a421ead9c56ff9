"""`curl` and `wget`: a request out of the pod, through whatever proxies it has.

Words and exit codes are those of curl 8 and of GNU Wget.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import NoReturn
from urllib.parse import urljoin, urlsplit

from sandbox.cluster.contract import Request, Response, SendFailure
from sandbox.cluster.kubelet.commands.shell_context import CommandContext

_LONGEST = 300.0
"""Seconds that curl waits for an answer here, where a real one would wait for ever."""
_MOST_REDIRECTS = 50
_METER = (
    "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n"
    "                                 Dload  Upload   Total   Spent    Left  Speed\n"
    "100 {size:>5}  100 {size:>5}    0     0  {speed:>5}      0 "
    "--:--:-- --:--:-- --:--:-- {speed:>5}"
)
_DEFAULT_AGENT = "curl/8.5.0"


class _Misused(Exception):
    """A command line that cannot be understood."""


class _Arguments(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Misused(message)


@dataclass(frozen=True)
class _Fetched:
    """An answer, and where and how fast it came from."""

    url: str
    request: Request
    response: Response
    seconds: float


def _build_curl_arguments() -> _Arguments:
    parser = _Arguments(prog="curl", add_help=False, allow_abbrev=False)
    parser.add_argument("urls", nargs="*")
    for short, name in (
        ("-s", "--silent"),
        ("-S", "--show-error"),
        ("-v", "--verbose"),
        ("-i", "--include"),
        ("-I", "--head"),
        ("-L", "--location"),
        ("-k", "--insecure"),
        ("-f", "--fail"),
        ("-G", "--get"),
        ("-N", "--no-buffer"),
    ):
        parser.add_argument(short, name, action="store_true")
    parser.add_argument("--compressed", action="store_true")
    parser.add_argument("--http1.1", action="store_true", dest="http1")
    for short, name in (("-o", "--output"), ("-w", "--write-out"), ("-X", "--request"),
                        ("-A", "--user-agent"), ("-b", "--cookie"), ("-e", "--referer"),
                        ("-u", "--user"), ("-c", "--cookie-jar")):  # fmt: skip
        parser.add_argument(short, name, default="")
    parser.add_argument("-H", "--header", action="append", default=[])
    parser.add_argument("-d", "--data", "--data-raw", "--data-binary", action="append", default=[])
    parser.add_argument("-m", "--max-time", type=float, default=0.0)
    parser.add_argument("--connect-timeout", type=float, default=0.0)
    parser.add_argument("--retry", type=int, default=0)
    parser.add_argument("--url", action="append", default=[])
    return parser


async def run_curl(arguments: Sequence[str], context: CommandContext) -> int:
    """Run `curl`."""
    try:
        asked = _build_curl_arguments().parse_intermixed_args(list(arguments))
    except _Misused as error:
        await context.complain(f"curl: {error}: the sandbox's curl does not play that")
        return 2
    urls = [*asked.urls, *asked.url]
    if not urls:
        await context.complain("curl: (2) no URL specified")
        return 2
    code = 0
    for url in urls:
        code = await _Curl(asked, context).fetch(url)
    return code


class _Curl:
    """One `curl` with its options."""

    def __init__(self, asked: argparse.Namespace, context: CommandContext) -> None:
        self._asked, self._context = asked, context

    async def fetch(self, url: str) -> int:
        """Fetch a URL, write what was asked for, and return the exit code."""
        start = time.monotonic()
        try:
            fetched = await self._follow(url if "://" in url else f"http://{url}")
        except SendFailure as failure:
            return await self._report_failure(url, failure, start)
        except _Misused as problem:
            await self._complain(str(problem))
            return 1
        await self._show(fetched)
        if self._asked.write_out:
            await self._context.write(self._format(fetched).encode())
        return await self._judge(fetched)

    async def _judge(self, fetched: _Fetched) -> int:
        status = fetched.response.status
        if self._asked.fail and status >= 400:
            await self._complain(f"curl: (22) The requested URL returned error: {status}")
            return 22
        return 0

    async def _complain(self, text: str) -> None:
        if not self._asked.silent or self._asked.show_error:
            await self._context.complain(text)

    async def _follow(self, url: str) -> _Fetched:
        for _ in range(_MOST_REDIRECTS):
            fetched = await self._send(url)
            there = fetched.response.headers.get("Location") or fetched.response.headers.get(
                "location"
            )
            if not (self._asked.location and there and 300 <= fetched.response.status < 400):
                return fetched
            url = urljoin(url, there)
        raise _Misused(f"curl: (47) Maximum ({_MOST_REDIRECTS}) redirects followed")

    async def _send(self, url: str) -> _Fetched:
        parts = urlsplit(url)
        if parts.scheme != "http":
            raise _Misused(
                f"curl: (1) Protocol {parts.scheme} is not played here: the mesh speaks http"
            )
        host, port = parts.hostname or "", parts.port or 80
        request = self._build_request(url)
        seconds = self._asked.max_time or self._asked.connect_timeout or _LONGEST
        start = time.monotonic()
        response = await self._context.send(host, port, request, seconds)
        return _Fetched(url, request, response, time.monotonic() - start)

    def _build_request(self, url: str) -> Request:
        asked, parts = self._asked, urlsplit(url)
        headers = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": asked.user_agent or _DEFAULT_AGENT, "Accept": "*/*"}  # fmt: skip  # noqa: E501
        if asked.cookie:
            headers["Cookie"] = asked.cookie
        if asked.referer:
            headers["Referer"] = asked.referer
        body = "&".join(asked.data).encode()
        query = parts.query
        if asked.data and asked.get:
            query, body = "&".join(t for t in (query, body.decode()) if t), b""
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["Content-Length"] = str(len(body))
        for line in asked.header:
            name, _, value = line.partition(":")
            headers = {k: v for k, v in headers.items() if k.lower() != name.strip().lower()}
            if value.strip():
                headers[name.strip()] = value.strip()
        method = asked.request or ("HEAD" if asked.head else "POST" if body else "GET")
        return Request(method, parts.path or "/", query, headers, body)

    async def _show(self, fetched: _Fetched) -> None:
        asked, response = self._asked, fetched.response
        head = _format_head(response)
        if asked.verbose:
            await self._show_verbose(fetched, head)
        if not asked.silent and asked.output:
            size = len(response.body)
            speed = round(size / max(fetched.seconds, 0.001))
            await self._context.complain(_METER.format(size=size, speed=speed))
        if asked.output and asked.output != "-":
            if asked.output != "/dev/null":
                raise_text = (
                    f"curl: Failed to open the file {asked.output}: containers here keep none"
                )
                await self._context.complain(raise_text)
            return
        if asked.include or asked.head:
            await self._context.write(head.encode())
        if not asked.head and not (asked.fail and response.status >= 400):
            await self._context.write(response.body)

    async def _show_verbose(self, fetched: _Fetched, head: str) -> None:
        request, parts = fetched.request, urlsplit(fetched.url)
        path = f"{request.path}?{request.query}" if request.query else request.path
        sent = [f"{request.method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in request.headers.items()), ""]  # fmt: skip  # noqa: E501
        await self._context.complain(f"* Connected to {parts.hostname} port {parts.port or 80}")
        for line in sent:
            await self._context.complain(f"> {line}")
        for line in head.rstrip("\r\n").split("\r\n"):
            await self._context.complain(f"< {line}")
        await self._context.complain("<")

    def _format(self, fetched: _Fetched) -> str:
        response, took = fetched.response, fetched.seconds
        values = {
            "http_code": f"{response.status:03}",
            "response_code": f"{response.status:03}",
            "time_total": f"{took:.6f}",
            "time_starttransfer": f"{took:.6f}",
            "size_download": str(len(response.body)),
            "url_effective": fetched.url,
            "content_type": response.headers.get("Content-Type", ""),
        }
        text = (
            str(self._asked.write_out)
            .encode("latin-1", "backslashreplace")
            .decode("unicode_escape")
        )
        for name, value in values.items():
            text = text.replace(f"%{{{name}}}", value)
        return text

    async def _report_failure(self, url: str, failure: SendFailure, start: float) -> int:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        code, text = _describe_failure(failure, parts.hostname or "", parts.port or 80)
        if self._asked.write_out:
            nothing = _Fetched(url, Request("GET", "/"), Response(0), time.monotonic() - start)
            await self._context.write(self._format(nothing).encode())
        await self._complain(f"curl: ({code}) {text}")
        return code


def _describe_failure(failure: SendFailure, host: str, port: int) -> tuple[int, str]:
    milliseconds = round(failure.seconds * 1000)
    match failure.failure:
        case "unknown host":
            return 6, f"Could not resolve host: {host}"
        case "refused":
            where = f"{host} port {port} after {milliseconds} ms"
            return 7, f"Failed to connect to {where}: Couldn't connect to server"
        case "timeout":
            return (
                28,
                f"Operation timed out after {milliseconds} milliseconds with 0 bytes received",
            )
        case _:
            return 56, "Recv failure: Connection reset by peer"


def _format_head(response: Response) -> str:
    status = response.status
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
    headers = {**response.headers}
    if not any(k.lower() == "content-length" for k in headers):
        headers["Content-Length"] = str(len(response.body))
    lines = [
        f"HTTP/1.1 {status} {phrase}".rstrip(),
        *(f"{k.lower()}: {v}" for k, v in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""])


async def run_wget(arguments: Sequence[str], context: CommandContext) -> int:
    """Run `wget`; what it fetches goes to standard output with `-O-`, else nowhere."""
    parser = _Arguments(prog="wget", add_help=False)
    parser.add_argument("urls", nargs="*")
    parser.add_argument("-q", "--quiet", action="store_true")
    parser.add_argument("-S", "--server-response", action="store_true")
    parser.add_argument("--spider", action="store_true")
    parser.add_argument("-O", "--output-document", default="")
    parser.add_argument("-T", "--timeout", type=float, default=0.0)
    parser.add_argument("-t", "--tries", type=int, default=1)
    parser.add_argument("--header", action="append", default=[])
    try:
        asked = parser.parse_intermixed_args(list(arguments))
    except _Misused as error:
        await context.complain(f"wget: {error}: the sandbox's wget does not play that")
        return 2
    given = [f"--header={h}" for h in asked.header]
    given += [f"--max-time={asked.timeout}"] if asked.timeout else []
    given += ["--head"] if asked.spider else []
    for url in asked.urls:
        curl = _Curl(_build_curl_arguments().parse_args(["-L", "-sS", *given]), context)
        try:
            fetched = await curl._follow(url if "://" in url else f"http://{url}")
        except SendFailure as failure:
            _, text = _describe_failure(failure, urlsplit(url).hostname or url, 80)
            await context.complain(f"wget: {text}")
            return 4
        response = fetched.response
        if asked.server_response:
            await context.complain(_format_head(response).replace("\r", "").rstrip())
        if response.status >= 400:
            await context.complain(f"wget: server returned error: HTTP/1.1 {response.status}")
            return 8
        if asked.output_document == "-":
            await context.write(response.body)
        elif not asked.spider and asked.output_document != "/dev/null":
            await context.complain("wget: containers here keep no files: say -O- to see the answer")
            return 3
    return 0

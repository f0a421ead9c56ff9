"""The embedded server's own promises over HTTP: history, faults, restarts, proxies, access reviews,
logs."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest

from sandbox.clock import Clock
from sandbox.cluster.contract import Client, Object, Ref, Response
from sandbox.cluster.faults import ApiFault, Effect
from sandbox.cluster.log_buffer import LogBuffer
from sandbox.cluster.server import ApiServer
from tests.sandbox.cluster.api.backends import Backends
from tests.sandbox.cluster.api.objects import config_map, pod, service
from tests.sandbox.cluster.api.wire import Cluster

MAPS = "/api/v1/namespaces/default/configmaps"


async def test_the_kubeconfig_has_one_context(server: ApiServer) -> None:
    """It points at the loopback address and is called sandbox."""
    config = server.build_kubeconfig()
    assert config["current-context"] == config["contexts"][0]["name"] == "sandbox"
    place, port = config["clusters"][0]["cluster"]["server"], server.url.rpartition(":")[2]
    assert place == f"https://127.0.0.1:{port}"
    assert config["users"][0]["user"] == {"token": server.token}


async def test_a_watch_from_too_long_ago_is_told_so(embedded: Cluster, client: Client) -> None:
    """Older than the kept history (200 here) is an ERROR event with a 410 Status."""
    await client.create(config_map("a", "default"))
    for number in range(250):
        await client.merge(Ref("", "configmaps"), "a", "default", {"data": {"n": str(number)}})
    events = await embedded.watch(f"{MAPS}?watch=1&resourceVersion=3", 1)
    assert events[0]["type"] == "ERROR"
    assert (events[0]["object"]["code"], events[0]["object"]["reason"]) == (410, "Expired")
    assert events[0]["object"]["message"].startswith("too old resource version: 3 (")


async def test_a_restart_cuts_every_watch_and_loses_nothing(
    server: ApiServer, embedded: Cluster
) -> None:
    """Streams end, objects stay."""
    await embedded.post(MAPS, config_map("a"))
    watching = asyncio.create_task(embedded.watch(f"{MAPS}?watch=1", 99))
    await asyncio.sleep(0.05)
    server.restart()
    assert [event["type"] for event in await watching] == ["ADDED"]
    assert (await embedded.get(f"{MAPS}/a")).status == 200


@pytest.mark.parametrize(
    ("effect", "status", "message"),
    [
        (
            "forbid",
            403,
            'configmaps is forbidden: User "kubernetes-admin" cannot list resource "configmaps" in '
            'API group "" in the '
            'namespace "default"',
        ),
        ("throttle", 429, "too many requests, please try again later"),
        ("error", 500, "Internal error occurred: etcdserver: request timed out"),
    ],
)
async def test_a_fault_refuses_as_often_as_it_was_told(
    server: ApiServer, embedded: Cluster, effect: Effect, status: int, message: str
) -> None:
    """The chosen requests fail, others don't, and it wears off."""
    server.faults.add(ApiFault(effect, verb="list", resource="configmaps", times=1))
    assert (await embedded.get("/api/v1/namespaces/default/secrets")).status == 200
    answer = await embedded.get(MAPS)
    assert (answer.status, answer.message) == (status, message)
    assert (await embedded.get(MAPS)).status == 200


async def test_throttling_says_when_to_come_back(server: ApiServer, embedded: Cluster) -> None:
    """429 carries Retry-After in seconds."""
    server.faults.add(ApiFault("throttle", seconds=3, times=1))
    assert (await embedded.get(MAPS)).headers["Retry-After"] == "3"


async def test_a_conflict_fault_hits_writes(server: ApiServer, embedded: Cluster) -> None:
    """A 409 in the words of optimistic locking."""
    await embedded.post(MAPS, config_map("a"))
    server.faults.add(ApiFault("conflict", verb="patch", times=1))
    assert (
        "the object has been modified"
        in (await embedded.patch(f"{MAPS}/a", {"data": {"x": "1"}})).message
    )


async def test_a_dropped_connection_is_an_error_of_the_network(
    server: ApiServer, embedded: Cluster
) -> None:
    """The client gets no answer at all, discovery included."""
    fault = server.faults.add(ApiFault("drop"))
    with pytest.raises(aiohttp.ClientError):
        await embedded.get("/version")
    server.faults.remove(fault)
    assert (await embedded.get("/version")).status == 200


async def test_a_slow_server_answers_in_the_end(server: ApiServer, embedded: Cluster) -> None:
    """The answer is right, and late by the seconds it was told."""
    server.faults.add(ApiFault("slow", seconds=0.2, times=1))
    begin = time.monotonic()
    assert (await embedded.get(MAPS)).status == 200
    assert time.monotonic() - begin > 0.19


@pytest.mark.parametrize(("verb", "allowed"), [("create", False), ("get", True)])
async def test_an_access_review_knows_the_faults(
    server: ApiServer, embedded: Cluster, verb: str, allowed: bool
) -> None:
    """What a fault forbids is not allowed; asking does not wear it off."""
    server.faults.add(ApiFault("forbid", verb="create", resource="pods", times=1))
    body = {
        "spec": {"resourceAttributes": {"verb": verb, "resource": "pods", "namespace": "default"}}
    }
    for _ in range(2):
        answer = await embedded.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
        assert (answer.status, answer.body["status"]["allowed"]) == (201, allowed)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("authentication.k8s.io/v1/selfsubjectreviews", "userInfo"),
        ("authorization.k8s.io/v1/selfsubjectrulesreviews", "resourceRules"),
    ],
)
async def test_who_asks_and_what_that_one_may_do(embedded: Cluster, path: str, status: str) -> None:
    """An administrator, who may do everything: nobody is checked here."""
    answer = await embedded.post(f"/apis/{path}", {"spec": {"namespace": "default"}})
    assert answer.status == 201
    assert answer.body["status"][status]


async def test_tokens_are_for_accounts_that_are_there(embedded: Cluster) -> None:
    """A token in a JWT's form, with the end that was asked for; of nobody there is none."""
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    await embedded.post(accounts, {"metadata": {"name": "robot"}})
    asked = {"spec": {"expirationSeconds": 600}}
    answer = await embedded.post(f"{accounts}/robot/token", asked)
    assert answer.status == 201
    assert answer.body["status"]["token"].count(".") == 2
    assert (await embedded.post(f"{accounts}/nobody/token", asked)).status == 404


async def test_the_service_proxy_passes_requests_on(
    server: ApiServer, embedded: Cluster, client: Client
) -> None:
    """Method, path, query, body and cookies arrive; credentials do not; status and headers come
    back."""
    backends = Backends(
        lambda request: Response(418, b"short and stout", {"Set-Cookie": "a=b", "X": "y"})
    )
    server.backends = backends
    await client.create(service("tea", "default"))
    url = f"{server.url}/api/v1/namespaces/default/services/http:tea:http/proxy/pot/?milk=no"
    headers = {"Authorization": f"Bearer {server.token}", "Cookie": "c=d"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=b"leaf", headers=headers) as answer,
    ):
        assert (answer.status, await answer.read(), answer.headers["X"]) == (
            418,
            b"short and stout",
            "y",
        )
    namespace, name, port, request = backends.asked[0]
    assert (namespace, name, port) == ("default", "tea", "http")
    assert (request.method, request.path, request.query, request.body) == (
        "POST",
        "/pot/",
        "milk=no",
        b"leaf",
    )
    assert request.headers["Cookie"] == "c=d"
    assert "Authorization" not in request.headers


async def test_the_proxy_says_what_is_missing(
    server: ApiServer, embedded: Cluster, client: Client
) -> None:
    """No such Service is a 404, no such port and no endpoints are 503s."""
    await client.create(service("tea", "default"))
    base = "/api/v1/namespaces/default/services"
    missing = await embedded.get(f"{base}/coffee/proxy/")
    port = await embedded.get(f"{base}/tea:99/proxy/")
    nobody = await embedded.get(f"{base}/tea:80/proxy/")
    assert (missing.status, missing.message) == (404, 'services "coffee" not found')
    assert (port.status, port.message) == (503, 'no service port 99 found for service "tea"')
    assert (nobody.status, nobody.message) == (503, 'no endpoints available for service "tea"')


async def test_a_pod_is_reached_by_its_proxy(
    server: ApiServer, embedded: Cluster, client: Client
) -> None:
    """pods/NAME:PORT/proxy goes to the pod itself."""
    server.backends = Backends(lambda request: Response(body=request.path.encode()))
    await client.create(pod(namespace="default"))
    assert (await embedded.get("/api/v1/namespaces/default/pods/p:9080/proxy/x")).body == "/x"


async def test_logs_wait_for_the_container(
    server: ApiServer, embedded: Cluster, client: Client
) -> None:
    """Before it runs there is a 400 in the kubelet's words; afterwards what it wrote."""

    class Logs:
        def find_log(self, pod: Object, container: str) -> LogBuffer:
            log = LogBuffer(Clock())
            log.write(f"{pod['metadata']['name']}/{container}")
            return log

    server.logs = Logs()
    await client.create(pod(namespace="default"))
    path = "/api/v1/namespaces/default/pods/p"
    early = await embedded.get(f"{path}/log")
    running = {"name": "main", "state": {"running": {}}, "ready": True, "restartCount": 0}
    await embedded.patch(f"{path}/status", {"status": {"containerStatuses": [running]}})
    assert early.message == 'container "main" in pod "p" is waiting to start: ContainerCreating'
    assert (await embedded.get(f"{path}/log")).body == "p/main\n"


async def test_events_are_served_in_both_forms(embedded: Cluster) -> None:
    """An event written as v1 is read as events.k8s.io/v1 under its newer field names."""
    about = {"kind": "Pod", "name": "p", "namespace": "default"}
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e"},
        "involvedObject": about,
        "message": "m",
    }
    await embedded.post("/api/v1/namespaces/default/events", event)
    answer = await embedded.get("/apis/events.k8s.io/v1/namespaces/default/events/e")
    assert (answer.body["regarding"], answer.body["note"]) == (about, "m")
    assert answer.body["apiVersion"] == "events.k8s.io/v1"


async def test_aggregated_discovery_lists_everything(embedded: Cluster) -> None:
    """kubectl's first question is answered with groups, resources and subresources in one."""
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    answer = await embedded.get("/apis", accept=accept)
    groups = {
        item["metadata"]["name"]: item["versions"][0]["resources"] for item in answer.body["items"]
    }
    found = next(each for each in groups["apps"] if each["resource"] == "deployments")
    assert "as=APIGroupDiscoveryList" in answer.headers["Content-Type"]
    assert [each["subresource"] for each in found["subresources"]] == ["scale", "status"]


@pytest.mark.parametrize("path", ["/apis/nope.io/v1/things", "/nope"])
async def test_a_path_that_nothing_serves_is_a_404(embedded: Cluster, path: str) -> None:
    """Whatever the path, the server answers."""
    assert (await embedded.get(path)).status == 404


async def test_an_unreadable_body_is_a_400(embedded: Cluster) -> None:
    """Garbage is refused, not crashed on."""
    assert (await embedded.call("POST", MAPS, b"{nonsense")).status == 400
    assert (await embedded.call("POST", MAPS, b"k8s\x00\xff\xff")).status == 415

# What the lines of the corpus are typed in: the application's namespace, and short words for what
# they do often. Run by bash with KUBECONFIG, PATH and ISTIO_HOME of the sandbox.
set -eo pipefail
NS=${NS:-bookinfo}

k() { kubectl -n "$NS" "$@"; }
apply() { kubectl -n "${1:-$NS}" apply -f - >/dev/null; }
jsonpatch() { k patch "$1" "$2" --type=json -p "$3"; }
istio() { kubectl -n istio-system "$@"; }

# The Deployments of the application, without gateways and waypoints.
apps() { k get deploy -o name -l 'app'; }
rolled() { for d in $(apps); do k rollout status "$d" --timeout=30s; done; }
# Restart the Deployments named, or all, and wait for them.
restart() {
  for d in ${*:-$(apps)}; do k rollout restart "$d"; done
  for d in ${*:-$(apps)}; do k rollout status "$d" --timeout=30s; done
}
# Take away what a Gateway's Deployment had before its last change.
replaced() {
  k get rs -l "gateway.networking.k8s.io/gateway-name=$1" \
    --sort-by=.metadata.creationTimestamp -o name | head -n -1 | xargs kubectl delete -n "$NS"
}
events() {
  kubectl get events -A -o jsonpath='{range .items[*]}{.reason} {.message}{"\n"}{end}'
}
# The pods of an app as JSON.
pods() { k get pods -l "app=$1" -o json; }
# A path behind a Service, through the API server: NAMESPACE SERVICE:PORT PATH.
ask() { kubectl get --raw "/api/v1/namespaces/$1/services/http:$2/proxy/$3"; }
page() { ask "$NS" bookinfo-gateway-istio:80 productpage; }
prometheus() {
  q=$(python3 -c 'import sys,urllib.parse;print(urllib.parse.quote(sys.argv[1]))' "$1")
  ask istio-system prometheus:9090 "api/v1/query?query=$q"
}
targets() { ask istio-system prometheus:9090 api/v1/targets; }
# Whether requests, or connections, to a Service were counted.
requests_to() {
  prometheus "sum(increase(istio_requests_total{destination_service_name=\"$1\"}[1m]))>0" |
    grep '"value"'
}
connections_to() {
  prometheus "sum(istio_tcp_connections_opened_total{destination_service_name=\"$1\"})" |
    grep '"value"'
}
# Requests that ended with one of Envoy's response flags lately.
flagged() {
  prometheus "sum(increase(istio_requests_total{response_flags=\"$1\"}[10m]))>0" | grep '"value"'
}
# The conditions of an object, and of a route at its parents.
condition() {
  fields='{.type}={.status}:{.reason}:{.message}{"\n"}'
  kubectl -n "$1" get "$2" -o jsonpath="{range .status.conditions[*]}$fields{end}"
}
parents() {
  fields='{.type}={.status}:{.reason}{"\n"}'
  k get httproute.gateway.networking.k8s.io "$1" \
    -o jsonpath="{range .status.parents[*].conditions[*]}$fields{end}"
}
# Leave a DaemonSet's pods as they are until they are deleted.
on_delete() {
  istio patch ds "$1" --type=merge \
    -p '{"spec":{"updateStrategy":{"type":"OnDelete","rollingUpdate":null}}}'
}

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
  k delete "$(k get rs -l "gateway.networking.k8s.io/gateway-name=$1" \
    --sort-by=.metadata.creationTimestamp -o name | head -1)"
}
events() {
  kubectl get events -A -o jsonpath='{range .items[*]}{.reason} {.involvedObject.kind}/{.involvedObject.name} {.message}{"\n"}{end}'
}
# The pods of an app, one line each: name, phase, ready, annotations' keys.
pods() { k get pods -l "app=$1" -o json; }
page() {
  kubectl get --raw "/api/v1/namespaces/$NS/services/http:bookinfo-gateway-istio:80/proxy/productpage"
}
prometheus() {
  q=$(python3 -c 'import sys,urllib.parse;print(urllib.parse.quote(sys.argv[1]))' "$1")
  kubectl get --raw "/api/v1/namespaces/istio-system/services/http:prometheus:9090/proxy/api/v1/query?query=$q"
}
# Requests that ended with one of Envoy's response flags lately.
flagged() { prometheus "sum(increase(istio_requests_total{response_flags=\"$1\"}[10m]))>0" | grep '"value"'; }
condition() { kubectl -n "$1" get "$2" -o jsonpath="{range .status.conditions[*]}{.type}={.status}:{.reason}:{.message}{\"\\n\"}{end}"; }
parents() { k get httproute.gateway.networking.k8s.io "$1" -o jsonpath='{range .status.parents[*].conditions[*]}{.type}={.status}:{.reason}{"\n"}{end}'; }

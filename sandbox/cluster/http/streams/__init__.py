"""The connections of `kubectl exec` and `kubectl port-forward`, over WebSocket and over SPDY."""

"""istio-cni's node agent."""

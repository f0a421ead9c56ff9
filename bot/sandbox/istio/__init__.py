"""An embedded Istio: the release directory, its `istioctl`, and what istiod does to a cluster."""

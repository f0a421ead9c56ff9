"""An embedded Istio: the release directory, its `istioctl`, and a simulated istiod."""

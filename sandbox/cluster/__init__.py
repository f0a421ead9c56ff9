"""An embedded Kubernetes: API server, controllers, simulated nodes and pods."""

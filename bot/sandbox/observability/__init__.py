"""Prometheus, Jaeger, Grafana and Kiali as programs for their pods: what people look at, computed from real traffic."""

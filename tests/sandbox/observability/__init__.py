"""Prometheus, Jaeger, Grafana and Kiali as programs, and what real Kialis were recorded to answer."""

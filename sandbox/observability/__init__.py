"""Prometheus, Jaeger, Grafana and Kiali as programs for their pods, computed from the
cluster's traffic.
"""

"""Jaeger: the spans of the data plane behind its query API."""

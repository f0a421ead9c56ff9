"""Kiali's traffic graph: read, described, drawn, and explained when it is empty."""

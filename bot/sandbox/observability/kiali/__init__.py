"""Kiali 1.87 and 2.26: what their API says of a mesh, computed from Prometheus' answers and the live objects."""

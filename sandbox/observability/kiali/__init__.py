"""Kiali 1.87 and 2.26: the answers of their API, computed from Prometheus' results and the
live objects.
"""

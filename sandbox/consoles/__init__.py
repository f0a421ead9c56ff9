"""Web pages of the cluster's programs, served on loopback: the application's own, and a plain page
of ours for each console (Kiali, Jaeger, Grafana) at the paths that links to the real one have.
"""

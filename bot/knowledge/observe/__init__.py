"""Reading data from Kiali, Prometheus and Jaeger, through `context.web`, as typed values.
Changes nothing anywhere.
"""

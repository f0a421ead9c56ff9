"""Reading what Kiali, Prometheus and Jaeger know, through `context.web`, as typed values. Changes nothing anywhere."""

"""The objects that each component of an Istio installation consists of, built from compact
tables."""

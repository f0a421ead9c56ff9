"""Prometheus: samples kept by time, the part of PromQL that a mesh is asked in, and the program
that scrapes."""

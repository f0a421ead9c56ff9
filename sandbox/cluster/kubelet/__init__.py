"""Simulated nodes: image pulls, containers, probes, pod status."""

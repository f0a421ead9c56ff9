"""Kubernetes objects: workloads, namespaces, manifests, and the causes why pods are not ready."""

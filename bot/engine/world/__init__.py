"""Layers around the cluster and the mesh of one run: what it may write, what it changed, what undo
needs."""

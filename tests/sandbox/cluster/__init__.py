"""The embedded cluster: its API server, and its controllers and nodes."""

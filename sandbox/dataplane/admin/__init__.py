"""What an Envoy tells of itself on its administration port: its configuration, from what it routes
by."""

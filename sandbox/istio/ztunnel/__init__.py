"""ztunnel, the proxy of a node."""

"""Routing decisions of a proxy, computed from the objects as istiod would."""

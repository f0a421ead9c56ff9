"""HTTP endpoints of a running bot: liveness, readiness, and metrics for Prometheus."""

from bot.health.health_server import Check, ComponentHealth, HealthServer

__all__ = ["Check", "ComponentHealth", "HealthServer"]

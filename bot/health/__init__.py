"""What can be asked of a running bot over HTTP: is it alive, can it serve, and its figures for Prometheus."""

from bot.health.server import Check, Finding, HealthServer

__all__ = ["Check", "Finding", "HealthServer"]

"""Grafana, as far as its search and its dashboards' pages."""

"""meshbot: runs a service-mesh workshop from a Slack channel."""

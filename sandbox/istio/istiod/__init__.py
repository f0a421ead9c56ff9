"""The played istiod: gateways, injection, status conditions, webhooks."""

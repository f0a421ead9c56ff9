"""An embedded Slack workspace: Web API, Socket Mode and a page."""

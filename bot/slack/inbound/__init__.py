"""Commands, buttons and forms as they arrive from Slack, by Socket Mode or HTTP."""

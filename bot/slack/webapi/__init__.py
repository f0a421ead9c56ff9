"""Calls of Slack's Web API: the client, its errors, and its rate limits."""

"""Block Kit: results and states in, messages and views out, within the limits of Slack."""

"""The bot's side of Slack: takes commands and buttons in, shows messages; the only user of Bolt and
Slack's SDK."""

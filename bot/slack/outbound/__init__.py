"""Messages, edits, ephemeral replies, views and files on their way to Slack."""

"""What the real programs did, as tables, and the play that holds the sandbox to it."""

"""What is shipped to run the bot: manifests, roles held to a real API server, compose, docs."""

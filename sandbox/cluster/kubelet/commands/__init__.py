"""Commands in a container that has no processes: a small shell, HTTP clients, files and text."""

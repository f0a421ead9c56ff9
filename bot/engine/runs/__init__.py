"""One run of a step: from its first message to its verdict, its audit entry and its Kubernetes
Event."""

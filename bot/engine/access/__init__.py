"""Who may run which step, where, and as whom the cluster is asked."""

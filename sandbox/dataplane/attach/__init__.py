"""The data plane behind a cluster that runs in another process."""

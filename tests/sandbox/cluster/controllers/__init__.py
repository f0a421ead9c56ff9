"""Controllers, scheduler and nodes of the embedded cluster, seen through its API."""

"""The workshop's application: its workloads, its gateway, and the requests that are sent to it."""

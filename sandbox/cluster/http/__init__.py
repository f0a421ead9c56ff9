"""The Kubernetes API's HTTP side: paths, reads, writes, watches, subresources, discovery."""

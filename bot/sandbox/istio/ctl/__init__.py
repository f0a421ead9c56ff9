"""The embedded `istioctl`: a program of its own that talks to a cluster's API over HTTP, as the real one does."""

"""The embedded `istioctl`: a program that talks to a cluster's API over HTTP."""

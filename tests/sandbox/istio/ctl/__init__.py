"""The embedded release and its `istioctl`."""

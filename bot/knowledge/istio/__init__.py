"""Istio itself: installation by istioctl, verification, removal."""

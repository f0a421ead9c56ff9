"""Manifests as istioctl renders them from profiles and settings."""

"""Tests of what istiod does to a cluster, and of the samples."""

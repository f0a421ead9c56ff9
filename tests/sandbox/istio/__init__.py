"""Tests of the embedded Istio release."""

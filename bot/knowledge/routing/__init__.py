"""Rules for requests: routes, faults and weights, their manifests, and the proof that they hold."""

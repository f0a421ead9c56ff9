"""CustomResourceDefinitions and their schemas."""

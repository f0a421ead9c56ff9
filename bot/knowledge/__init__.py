"""What is known of meshes: how to read objects, what they mean, and what to say. Pure where it can be."""

"""Knowledge of meshes: reading objects, what they mean, and what to say about them. Pure
functions where possible.
"""

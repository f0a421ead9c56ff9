"""The simulated data plane: proxies and applications that answer requests which are
really sent.
"""

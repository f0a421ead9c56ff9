"""The cluster's objects as istiod reads them for its proxies."""

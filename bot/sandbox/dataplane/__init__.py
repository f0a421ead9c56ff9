"""The data plane, played: what proxies and applications do with the requests that are really sent."""

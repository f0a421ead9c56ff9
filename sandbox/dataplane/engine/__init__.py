"""The path of one request through proxies, ztunnels and applications."""

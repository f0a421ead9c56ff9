"""`python -m sandbox.istio.ctl VERSION ARGS…`: the embedded `istioctl` without a release
directory."""

from __future__ import annotations

import sys

from sandbox.istio.ctl.main import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[2:], version=sys.argv[1]))

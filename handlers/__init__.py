"""The steps of the workshop, one module each; `STEPS` is all of them, in the order in which help lists them."""

from handlers import help as help_
from handlers import install, links, preflight, status, uninstall, whoami

STEPS = (
    preflight.STEP,
    install.STEP,
    status.STEP,
    links.STEP,
    uninstall.STEP,
    whoami.STEP,
    help_.STEP,
)

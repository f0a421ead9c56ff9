"""The steps of the workshop, one module each; `STEPS` is all of them, in the order in which help lists them."""

from handlers import (
    addons,
    bookinfo,
    expose,
    inject,
    install,
    kiali,
    links,
    preflight,
    reset,
    show,
    status,
    undo,
    uninstall,
    whoami,
)
from handlers import help as help_

STEPS = (
    preflight.STEP,
    install.STEP,
    addons.STEP,
    kiali.STEP,
    bookinfo.STEP,
    inject.STEP,
    expose.STEP,
    undo.STEP,
    reset.STEP,
    show.STEP,
    status.STEP,
    links.STEP,
    uninstall.STEP,
    whoami.STEP,
    help_.STEP,
)

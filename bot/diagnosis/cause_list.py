"""All causes that the diagnosis knows, grouped by subject, in the order of the documentation."""

from __future__ import annotations

from bot.diagnosis.cause import Cause
from bot.diagnosis.causes import (
    ambient,
    application,
    authorization,
    breakers,
    capture,
    control_plane,
    crashes,
    databases,
    egress_hosts,
    faults,
    gateway_routes,
    gateways,
    matches,
    missing_parts,
    mtls,
    networks,
    observing,
    page_not_found,
    placement,
    pods,
    replaced_answers,
    routing,
    sidecars,
    subsets,
    time_limits,
    tracing,
    waypoints,
)

HEALTHY = "healthy"
"""The id that an answer carries when nothing is wrong."""

CAUSES: tuple[Cause, ...] = (
    *control_plane.CAUSES,
    *pods.CAUSES,
    *crashes.CAUSES,
    *placement.CAUSES,
    *missing_parts.CAUSES,
    *application.CAUSES,
    *databases.CAUSES,
    *sidecars.CAUSES,
    *gateways.CAUSES,
    *gateway_routes.CAUSES,
    *page_not_found.CAUSES,
    *subsets.CAUSES,
    *routing.CAUSES,
    *matches.CAUSES,
    *replaced_answers.CAUSES,
    *egress_hosts.CAUSES,
    *breakers.CAUSES,
    *time_limits.CAUSES,
    *faults.CAUSES,
    *mtls.CAUSES,
    *authorization.CAUSES,
    *networks.CAUSES,
    *observing.CAUSES,
    *tracing.CAUSES,
    *ambient.CAUSES,
    *capture.CAUSES,
    *waypoints.CAUSES,
)

"""What reads like words in the source and is not said to people in the channel, each with the
reason."""

from __future__ import annotations

SILENT = (
    "sandbox/",  # the other end of the wire
    "bot/cli/",  # speaks to whoever runs the bot, in English
    "bot/__main__",
    "bot/app",
    "bot/parts",  # at the start
    "bot/settings/",  # refused at the start, on the command line
    "bot/ledger/",  # its errors name files and statements, and go to whoever runs the bot
    "bot/language/",
    "bot/slackrules/",  # faults of our own messages, for the log
    "bot/slack/checkup",  # of `meshbot doctor`
    "bot/slack/calls",
    "bot/slack/client",
    "bot/slack/http",
    "bot/slack/socket",
    "bot/engine/events",  # Kubernetes Events, for whoever runs the cluster
    "bot/engine/gate",  # at the start
    "bot/engine/rounds",  # of the log
    "bot/health",  # for probes and metrics
    "bot/knowledge/permissions",  # of the roles that the bot's account needs, for whoever grants them
    "bot/pictures",  # drawn into pictures
    "bot/vitals",  # for probes and metrics
    "bot/cluster/connection",  # at the start
    "bot/cluster/kubeconfigs",  # at the start
)
"""Parts of the bot that do not speak to the channel."""

KEPT: dict[str, str] = {
    r"verdict:\{\}(:\{\})?": "the id of a block",
    r"\{\} has no option \{\}|\{\} is claimed by \{\} and \{\}": "at the start: steps that contradict each other",
    r"\{\} installed": "read off istioctl's own line",
    r"Book Reviews|<title>.*</title>|Ratings service is currently unavailable": "read off Bookinfo's pages",
    r"gateways\.\{\}|\{\}ies|k8s\{\}": "part of the name of a type",
    r"Kiali version|no success|\{\}PercentErr": "of an answer of Kiali's or Prometheus'",
    r"sum( by)? ?\(.*": "PromQL",
    r"prometheus: \{\}": "names only",
    r"values\.\{\}=\{\}": "a setting of Istio's",
    r"kubectl .*": "a line for the terminal",
    r"creating default tag would conflict|has been modified|failed calling webhook": "looked for in others' words",
    r"Insufficient (cpu|memory)|is being terminated|is forbidden: User": "looked for in others' words",
    r"the desk failed, reference %s|could not post: \{\}|not started: run \{\} was under way": "for log and ledger",
    r"(picture|schedule|meshbot)[:.]\{\}.*|Meshbot\{\}": "a name for machines",
    r"(\{\})?(explain|run|options|end|look)(:\{\})?": "of the id of a button",
    r"impersonate \{\} \{\}": "a right in Kubernetes",
    r"(show|schedule|traffic|break|shift|traces|route jason) (\{\}( \{\})?|\w+|burst 100|v1=50 v3=50)": "a command",
    r"\{\} (off|workshop here|schedule)": "a command",
    r"UTC\{\}|reporter=.*": "names only",
    r"(help|route|fault|inject|addons|ambient|bookinfo) (\{\}( v2)?|off|jason|prometheus)": "a command",
}
"""Texts, as patterns for the whole of one, that read like words and are none that people in the
channel are told."""

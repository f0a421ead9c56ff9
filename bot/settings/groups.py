"""The settings themselves, in frozen groups."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.settings.setting_types import (
    USER_MARK,
    Api,
    Assignment,
    Channel,
    Glob,
    Group,
    Known,
    Namespace,
    OwnNamespace,
    Place,
    Team,
    User,
    Web,
    Zone,
    build_pattern_validator,
    build_token_validator,
    parse_assignments,
    parse_list,
    parse_mapping,
    parse_role_mapping,
    parse_user_mapping,
    validate_database_url,
    validate_language,
)

PREFIX, DELIMITER = "MESHBOT_", "__"

CLOSED = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


RoleName = Literal["attendee", "host", "admin"]


class SlackSettings(BaseModel):
    """The workspace: how the bot signs in and is reached."""

    model_config = CLOSED

    bot_token: Annotated[SecretStr, build_token_validator("xoxb-", "the bot token")] | None = Field(
        None,
        description="Bot token of the Slack app (OAuth & Permissions). MESHBOT_SLACK__BOT_TOKEN is "
        "taken too.",
    )
    app_token: (
        Annotated[SecretStr, build_token_validator("xapp-", "the app-level token")] | None
    ) = Field(
        None,
        description="App-level token with connections:write, for mode socket. "
        "MESHBOT_SLACK__APP_TOKEN is taken too.",
    )
    signing_secret: Annotated[SecretStr, build_token_validator("", "the signing secret")] | None = (
        Field(
            None,
            description="Signing secret of the Slack app, for mode http. "
            "MESHBOT_SLACK__SIGNING_SECRET is taken too.",
        )
    )
    mode: Literal["socket", "http"] = Field(
        "socket",
        description="How commands arrive: by a socket that the bot opens, or by requests to "
        "http_port.",
    )
    command: Annotated[
        str, build_pattern_validator(r"/[a-z0-9_-]{1,31}", "a slash command such as /mesh")
    ] = Field("/mesh", description="The slash command, as the Slack app declares it.")
    channels: Annotated[tuple[Channel, ...], BeforeValidator(parse_list)] = Field(
        (),
        description="Ids of the channels that take commands; beside them, only reading by direct "
        "message.",
    )
    teams: Annotated[tuple[Team, ...], BeforeValidator(parse_list)] = Field(
        (),
        description="Ids of other workspaces or organizations whose people may use the bot in "
        "channels that are shared with them. Default: none.",
    )
    home_channel: Annotated[
        str, build_pattern_validator(r"([CG][A-Z0-9]{2,})?", "a channel's id such as C012AB3CD")
    ] = Field(
        "",
        description="The workshop's channel, by its id: where runs go that are asked for in App "
        "Home. Default: where the last run was.",
    )
    base_url: Api = Field(
        "https://slack.com/api/", description="Slack's Web API; another one only for rehearsals."
    )
    http_host: str = Field(
        "::",
        min_length=1,
        description="Address that mode http listens on; :: is every one, of IPv4 as well.",
    )
    http_port: int = Field(3000, ge=1, le=65535, description="Port that mode http listens on.")


class Impersonated(BaseModel):
    """Kubernetes user and groups by which a role is impersonated."""

    model_config = CLOSED

    user: Known = Field(
        description="Name of the Kubernetes user; {user} stands for the Slack user's id."
    )
    groups: Annotated[tuple[Known, ...], BeforeValidator(parse_list)] = Field(
        (), description="Kubernetes groups of that user."
    )


class ClusterSettings(BaseModel):
    """The Kubernetes cluster."""

    model_config = CLOSED

    kubeconfig: Place | None = Field(
        None, description="Kubeconfig file. Default: KUBECONFIG, then ~/.kube/config."
    )
    context: str | None = Field(
        None, description="Context of the kubeconfig. Default: its current one."
    )
    in_cluster: bool = Field(
        False,
        description="Use the pod's service account. Default: true inside a pod when no "
        "kubeconfig is named.",
    )
    request_timeout: float = Field(
        30, gt=0, le=300, description="Seconds that one request to the cluster may take."
    )
    patience: float = Field(
        20, ge=0, le=300, description="Seconds that requests are tried again while it is away."
    )
    strict_certificates: bool = Field(
        True,
        description="Check the API server's certificate as strictly as Python does; false takes a "
        "CA without key identifiers, as older EKS clusters have, which Python 3.13 refuses.",
    )
    impersonate: Annotated[dict[RoleName, Impersonated], BeforeValidator(parse_role_mapping)] = (
        Field(
            {},
            description="By role, user and groups as whom the cluster is asked. Default: the "
            "bot's own account.",
        )
    )


class IstioSettings(BaseModel):
    """The Istio release that is installed."""

    model_config = CLOSED

    home: Place | None = Field(
        None, description="Directory of an unpacked Istio release: bin/istioctl, samples/."
    )
    gateway_api: Place | None = Field(
        None,
        description="Gateway API CRDs: a YAML file or a directory of them. Default: gateway-api/ "
        "in home.",
    )
    readiness_timeout: float = Field(
        300, gt=0, le=3600, description="Seconds that a step waits for pods to be ready."
    )
    set: Annotated[tuple[Assignment, ...], BeforeValidator(parse_assignments)] = Field(
        (),
        description="More settings for every istioctl install, each NAME=VALUE; parted by blanks.",
    )


class WorkshopSettings(BaseModel):
    """Namespaces and URLs of the workshop, as the host has set them."""

    model_config = CLOSED

    mesh_namespace: Namespace = Field(
        "istio-system", description="Namespace of the control plane and its addons."
    )
    app_namespace: Namespace = Field("bookinfo", description="Namespace of the application.")
    namespaces: Annotated[tuple[Glob, ...], BeforeValidator(parse_list)] = Field(
        (), description="Namespaces that in=… may name, as patterns. Default: only app_namespace."
    )
    kiali_url: Web = Field(
        "", description="Kiali as a browser reaches it. Default: found in the cluster."
    )
    jaeger_url: Web = Field(
        "", description="Jaeger as a browser reaches it. Default: found in the cluster."
    )
    grafana_url: Web = Field(
        "", description="Grafana as a browser reaches it. Default: found in the cluster."
    )
    app_url: Web = Field(
        "", description="The application as a browser reaches it. Default: found in the cluster."
    )
    timezone: Zone = Field(
        "UTC", description="Time zone of schedules that name none, such as Europe/Madrid."
    )

    @property
    def allowed(self) -> tuple[str, ...]:
        """The patterns of `namespaces`, or the application's namespace alone."""
        return self.namespaces or (self.app_namespace,)


class ScheduleSettings(BaseModel):
    """Limits on schedules."""

    model_config = CLOSED

    most: int = Field(
        20, ge=0, le=200, description="Schedules that may be there at the same time; 0 allows none."
    )
    least_seconds: float = Field(
        10, ge=1, le=86400, description="Seconds that lie at least between two times of one."
    )
    longest_hours: float = Field(
        24, gt=0, le=744, description="Hours that traffic more often than hourly may go on."
    )


class RoleSettings(BaseModel):
    """Hosts, admins and their rights; everybody else is an attendee."""

    model_config = CLOSED

    hosts: Annotated[tuple[User, ...], BeforeValidator(parse_list)] = Field(
        (), description="User ids of the hosts."
    )
    admins: Annotated[tuple[User, ...], BeforeValidator(parse_list)] = Field(
        (), description="User ids of the admins."
    )
    host_groups: Annotated[tuple[Group, ...], BeforeValidator(parse_list)] = Field(
        (), description="Ids of user groups whose members are hosts."
    )
    admin_groups: Annotated[tuple[Group, ...], BeforeValidator(parse_list)] = Field(
        (), description="Ids of user groups whose members are admins."
    )
    steps: Annotated[dict[str, RoleName], BeforeValidator(parse_mapping)] = Field(
        {},
        description="The role that a step needs, by step, where it is another than the step's own.",
    )
    own_namespaces: OwnNamespace = Field(
        "",
        description="Attendees may change this namespace only; {user} stands for the user's id. "
        "Default: none.",
    )
    namespace_of: Annotated[dict[User, Namespace], BeforeValidator(parse_user_mapping)] = Field(
        {},
        description="The same, by user id, before own_namespaces: the one namespace that a user "
        "may change.",
    )


class LedgerSettings(BaseModel):
    """The database in which runs are remembered."""

    model_config = CLOSED

    url: Annotated[SecretStr, AfterValidator(validate_database_url)] | None = Field(
        None,
        description="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME. Default: "
        "meshbot.sqlite in state_dir.",
    )
    state_dir: Place = Field(Path(".meshbot"), description="Directory for what the bot keeps.")
    keep_runs_days: int = Field(
        90,
        ge=1,
        le=36500,
        description="Days that ended runs, what stood before them, and ended schedules are kept. "
        "What undo can still take back is kept longer.",
    )
    keep_audit_days: int = Field(
        365, ge=7, le=36500, description="Days that the rows of the audit are kept."
    )

    @property
    def address(self) -> str:
        """The database's URL, with its password if it has one."""
        return (
            self.url.get_secret_value()
            if self.url
            else f"sqlite:///{self.state_dir.absolute() / 'meshbot.sqlite'}"
        )


class HealthSettings(BaseModel):
    """Address for probes and Prometheus: /healthz, /readyz and /metrics."""

    model_config = CLOSED

    host: str = Field(
        "::",
        min_length=1,
        description="Address that the health port listens on; :: is every one, of IPv4 as well.",
    )
    port: int = Field(
        8080, ge=0, le=65535, description="Port for /healthz, /readyz and /metrics; 0 for none."
    )


class LogSettings(BaseModel):
    """The log on standard error."""

    model_config = CLOSED

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least that is written."
    )
    json_lines: bool = Field(False, description="One JSON object per line, for machines.")


class Settings(BaseSettings):
    """All settings. Made by `load_settings`; the constructor itself reads no environment."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
        env_ignore_empty=True,
        enable_decoding=False,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    slack: SlackSettings = Field(SlackSettings(), description="The workspace.")
    cluster: ClusterSettings = Field(ClusterSettings(), description="The Kubernetes cluster.")
    istio: IstioSettings = Field(IstioSettings(), description="The Istio release.")
    workshop: WorkshopSettings = Field(WorkshopSettings(), description="The workshop.")
    schedules: ScheduleSettings = Field(
        ScheduleSettings(), description="Limits on what is done again and again."
    )
    roles: RoleSettings = Field(RoleSettings(), description="Who may do what.")
    ledger: LedgerSettings = Field(LedgerSettings(), description="Where runs are remembered.")
    health: HealthSettings = Field(HealthSettings(), description="Where probes and Prometheus ask.")
    log: LogSettings = Field(LogSettings(), description="The log.")
    language: Annotated[str, AfterValidator(validate_language)] = Field(
        "en", description="What the bot speaks in the channel: en or es."
    )
    drain_seconds: float = Field(
        25, ge=0, le=600, description="Seconds that runs get to end when the bot is stopped."
    )
    confirm_seconds: float = Field(
        300, ge=10, le=86400, description="Seconds that a confirmation can be given."
    )

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Patterns of every namespace that in=… may name, those of single users included."""
        own = self.roles.own_namespaces.replace(USER_MARK, "*")
        return tuple(
            dict.fromkeys(
                [*self.workshop.allowed, *([own] if own else []), *self.roles.namespace_of.values()]
            )
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_others: PydanticBaseSettingsSource,
        **_named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return only the source that `load_settings` passes."""
        return (init_settings,)

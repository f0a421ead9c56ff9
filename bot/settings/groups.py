"""The settings themselves, in frozen groups."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.settings.values import (
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
    User,
    Web,
    Zone,
    by_role,
    by_user,
    database,
    mapping,
    matching,
    several,
    several_settings,
    token,
)

PREFIX, DELIMITER = "MESHBOT_", "__"

CLOSED = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


RoleName = Literal["attendee", "host", "admin"]


class Slack(BaseModel):
    """The workspace: how the bot signs in and is reached."""

    model_config = CLOSED

    bot_token: Annotated[SecretStr, token("xoxb-", "the bot token")] | None = Field(
        None, description="Bot token of the Slack app (OAuth & Permissions). SLACK_BOT_TOKEN is taken too."
    )
    app_token: Annotated[SecretStr, token("xapp-", "the app-level token")] | None = Field(
        None, description="App-level token with connections:write, for mode socket. SLACK_APP_TOKEN is taken too."
    )
    signing_secret: Annotated[SecretStr, token("", "the signing secret")] | None = Field(
        None, description="Signing secret of the Slack app, for mode http. SLACK_SIGNING_SECRET is taken too."
    )
    mode: Literal["socket", "http"] = Field(
        "socket", description="How commands arrive: by a socket that the bot opens, or by requests to http_port."
    )
    command: Annotated[str, matching(r"/[a-z0-9_-]{1,31}", "a slash command such as /mesh")] = Field(
        "/mesh", description="The slash command, as the Slack app declares it."
    )
    channels: Annotated[tuple[Channel, ...], BeforeValidator(several)] = Field(
        (),
        description="Ids of the channels that take commands; beside them, only reading by direct message.",
    )
    home_channel: Annotated[str, matching(r"([CG][A-Z0-9]{2,})?", "a channel's id such as C012AB3CD")] = Field(
        "",
        description="The workshop's channel, by its id: where runs go that are asked for in App Home. "
        "Default: where the last run was.",
    )
    base_url: Api = Field("https://slack.com/api/", description="Slack's Web API; another one only for rehearsals.")
    http_host: str = Field("0.0.0.0", description="Address that mode http listens on.")
    http_port: int = Field(3000, ge=1, le=65535, description="Port that mode http listens on.")


class Impersonated(BaseModel):
    """As whom the cluster is asked on behalf of a role (Kubernetes impersonation)."""

    model_config = CLOSED

    user: Known = Field(description="Name of the Kubernetes user; {user} stands for the Slack user's id.")
    groups: Annotated[tuple[Known, ...], BeforeValidator(several)] = Field(
        (), description="Kubernetes groups of that user."
    )


class Cluster(BaseModel):
    """The Kubernetes cluster."""

    model_config = CLOSED

    kubeconfig: Place | None = Field(None, description="Kubeconfig file. Default: KUBECONFIG, then ~/.kube/config.")
    context: str | None = Field(None, description="Context of the kubeconfig. Default: its current one.")
    in_cluster: bool = Field(
        False, description="Use the pod's service account. Default: true inside a pod when no kubeconfig is named."
    )
    request_timeout: float = Field(30, gt=0, le=300, description="Seconds that one request to the cluster may take.")
    patience: float = Field(20, ge=0, le=300, description="Seconds that requests are tried again while it is away.")
    impersonate: Annotated[dict[RoleName, Impersonated], BeforeValidator(by_role)] = Field(
        {}, description="By role, user and groups as whom the cluster is asked. Default: the bot's own account."
    )


class Istio(BaseModel):
    """The Istio release that is installed."""

    model_config = CLOSED

    home: Place | None = Field(None, description="Directory of an unpacked Istio release: bin/istioctl, samples/.")
    gateway_api: Place | None = Field(
        None,
        description="Gateway API CRDs: a YAML file or a directory of them. Default: gateway-api/ in home.",
    )
    readiness_timeout: float = Field(300, gt=0, le=3600, description="Seconds that a step waits for pods to be ready.")
    set: Annotated[tuple[Assignment, ...], BeforeValidator(several_settings)] = Field(
        (), description="More settings for every istioctl install, each NAME=VALUE; parted by blanks."
    )


class Workshop(BaseModel):
    """What the host has settled for the workshop."""

    model_config = CLOSED

    mesh_namespace: Namespace = Field("istio-system", description="Namespace of the control plane and its addons.")
    app_namespace: Namespace = Field("bookinfo", description="Namespace of the application.")
    namespaces: Annotated[tuple[Glob, ...], BeforeValidator(several)] = Field(
        (), description="Namespaces that in=… may name, as patterns. Default: only app_namespace."
    )
    kiali_url: Web = Field("", description="Kiali as a browser reaches it. Default: found in the cluster.")
    jaeger_url: Web = Field("", description="Jaeger as a browser reaches it. Default: found in the cluster.")
    grafana_url: Web = Field("", description="Grafana as a browser reaches it. Default: found in the cluster.")
    app_url: Web = Field("", description="The application as a browser reaches it. Default: found in the cluster.")
    timezone: Zone = Field("UTC", description="Time zone of schedules that name none, such as Europe/Madrid.")

    @property
    def allowed(self) -> tuple[str, ...]:
        """The patterns of `namespaces`, or the application's namespace alone."""
        return self.namespaces or (self.app_namespace,)


class Schedules(BaseModel):
    """Limits on what is done again and again."""

    model_config = CLOSED

    most: int = Field(20, ge=0, le=200, description="Schedules that may be there at the same time; 0 allows none.")
    least_seconds: float = Field(10, ge=1, le=86400, description="Seconds that lie at least between two times of one.")
    longest_hours: float = Field(24, gt=0, le=744, description="Hours that traffic more often than hourly may go on.")


class Roles(BaseModel):
    """Who may do what; everybody else is an attendee."""

    model_config = CLOSED

    hosts: Annotated[tuple[User, ...], BeforeValidator(several)] = Field((), description="User ids of the hosts.")
    admins: Annotated[tuple[User, ...], BeforeValidator(several)] = Field((), description="User ids of the admins.")
    host_groups: Annotated[tuple[Group, ...], BeforeValidator(several)] = Field(
        (), description="Ids of user groups whose members are hosts."
    )
    admin_groups: Annotated[tuple[Group, ...], BeforeValidator(several)] = Field(
        (), description="Ids of user groups whose members are admins."
    )
    steps: Annotated[dict[str, RoleName], BeforeValidator(mapping)] = Field(
        {}, description="The role that a step needs, by step, where it is another than the step's own."
    )
    own_namespaces: OwnNamespace = Field(
        "", description="Attendees may change this namespace only; {user} stands for the user's id. Default: none."
    )
    namespace_of: Annotated[dict[User, Namespace], BeforeValidator(by_user)] = Field(
        {}, description="The same, by user id, before own_namespaces: the one namespace that a user may change."
    )


class Ledger(BaseModel):
    """Where runs are remembered."""

    model_config = CLOSED

    url: Annotated[SecretStr, AfterValidator(database)] | None = Field(
        None,
        description="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME. Default: meshbot.sqlite in state_dir.",
    )
    state_dir: Place = Field(Path(".meshbot"), description="Directory for what the bot keeps.")

    @property
    def address(self) -> str:
        """The database's URL, with its password if it has one."""
        return self.url.get_secret_value() if self.url else f"sqlite:///{self.state_dir.absolute() / 'meshbot.sqlite'}"


class Health(BaseModel):
    """Where probes and Prometheus ask: /healthz, /readyz and /metrics."""

    model_config = CLOSED

    host: str = Field("0.0.0.0", description="Address that the health port listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port for /healthz, /readyz and /metrics; 0 for none.")


class Log(BaseModel):
    """What the bot writes on standard error."""

    model_config = CLOSED

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is written.")
    json_lines: bool = Field(False, description="One JSON object per line, for machines.")


class Settings(BaseSettings):
    """Everything that can be set. Made by `load`; the constructor itself reads no environment."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=DELIMITER,
        env_ignore_empty=True,
        enable_decoding=False,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    slack: Slack = Field(Slack(), description="The workspace.")
    cluster: Cluster = Field(Cluster(), description="The Kubernetes cluster.")
    istio: Istio = Field(Istio(), description="The Istio release.")
    workshop: Workshop = Field(Workshop(), description="The workshop.")
    schedules: Schedules = Field(Schedules(), description="Limits on what is done again and again.")
    roles: Roles = Field(Roles(), description="Who may do what.")
    ledger: Ledger = Field(Ledger(), description="Where runs are remembered.")
    health: Health = Field(Health(), description="Where probes and Prometheus ask.")
    log: Log = Field(Log(), description="The log.")
    language: Literal["en", "es"] = Field("en", description="What the bot speaks in the channel: en or es.")
    drain_seconds: float = Field(25, ge=0, le=600, description="Seconds that runs get to end when the bot is stopped.")
    confirm_seconds: float = Field(300, ge=10, le=86400, description="Seconds that a confirmation can be given.")

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Patterns of every namespace that in=… may name, those of single users included."""
        own = self.roles.own_namespaces.replace(USER_MARK, "*")
        return tuple(
            dict.fromkeys([*self.workshop.allowed, *([own] if own else []), *self.roles.namespace_of.values()])
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_others: PydanticBaseSettingsSource,
        **_named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` passes."""
        return (init_settings,)

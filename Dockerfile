# syntax=docker/dockerfile:1
# meshbot, with the Istio release that it installs.
#
#   docker build --tag meshbot:0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" .
#
# docs/deploy.md says how to run it. It runs as user 10001, which must be able to read the kubeconfig.
#
# To pin an image by digest as well, give its build argument the digest that `docker buildx imagetools inspect IMAGE`
# prints: --build-arg PYTHON_IMAGE=python:3.13-slim-trixie@sha256:…. To pin the Istio archive: --build-arg ISTIO_SHA256=….
#
# Where the builder reaches the network only through a proxy, a private CA or mirrors, each has its build argument:
# HTTP_PROXY, HTTPS_PROXY and NO_PROXY (Docker's own, which stay out of the image), PIP_INDEX_URL, DEBIAN_MIRROR,
# ISTIO_RELEASES, GATEWAY_API_FILES, and a CA as `--secret id=ca,src=bundle.pem`. docs/deploy.md has an example.
ARG PYTHON_IMAGE=python:3.13-slim-trixie
ARG FETCH_IMAGE=alpine:3.22

# The Istio release and the Gateway API CRDs that fit it, each compared with its checksum.
FROM ${FETCH_IMAGE} AS istio
ARG ISTIO_VERSION=1.30.3
ARG ISTIO_SHA256=
ARG TARGETARCH=amd64
ARG ISTIO_RELEASES=
ARG GATEWAY_API_FILES=
COPY scripts/fetch-istio /fetch/scripts/
COPY manifests/gateway-api /fetch/manifests/gateway-api
RUN --mount=type=secret,id=ca,target=/run/secrets/ca,required=false \
    if [ -s /run/secrets/ca ]; then cat /run/secrets/ca >>/etc/ssl/certs/ca-certificates.crt; fi \
    && /fetch/scripts/fetch-istio --version "${ISTIO_VERSION}" --os linux --arch "${TARGETARCH}" --sha256 "${ISTIO_SHA256}" /releases \
    && mv "/releases/istio-${ISTIO_VERSION}" /istio

# The bot and what it depends on, in the versions of the lock file and with its hashes. Installed in place, for it reads
# manifests/ beside it. sandbox/ and tests/ stay outside: `meshbot sandbox` says so here.
FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
ARG PIP_INDEX_URL=https://pypi.org/simple
WORKDIR /opt/meshbot/src
RUN python -m venv --without-pip /opt/meshbot
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY scripts/build.lock scripts/sbom scripts/sbom.lock scripts/
COPY bot bot
COPY handlers handlers
COPY manifests manifests
RUN --mount=type=secret,id=ca,target=/run/secrets/ca,required=false \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && pip --python /opt/meshbot install --require-hashes --requirement requirements.lock --requirement scripts/build.lock \
    && pip --python /opt/meshbot install --no-deps --no-build-isolation --editable . \
    && pip --python /opt/meshbot uninstall --yes setuptools \
    && /opt/meshbot/bin/python -m compileall -q bot handlers
# What it consists of, for whoever scans the image: /opt/meshbot/sbom.cdx.json.
RUN --mount=type=secret,id=ca,target=/run/secrets/ca,required=false \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
    && scripts/sbom /opt/meshbot/bin/python /opt/meshbot/sbom.cdx.json \
    && rm -r scripts

FROM ${PYTHON_IMAGE}
ARG ISTIO_VERSION=1.30.3
ARG VERSION=0.1.0
ARG REVISION=
ARG CREATED=
LABEL org.opencontainers.image.title="meshbot" \
      org.opencontainers.image.description="A Slack bot that runs a service-mesh workshop with Istio and Kiali on a Kubernetes cluster." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      dev.meshbot.istio="${ISTIO_VERSION}" \
      dev.meshbot.sbom="/opt/meshbot/sbom.cdx.json"
# The libraries that Pillow's wheel loads and does not hold (pillow 13: libz, libstdc++); the user that owns nothing but its
# state.
ARG DEBIAN_MIRROR=
# hadolint ignore=DL3008
RUN --mount=type=secret,id=ca,target=/run/secrets/ca,required=false \
    if [ -n "${DEBIAN_MIRROR}" ]; then \
        sed -i "s#http://deb.debian.org#${DEBIAN_MIRROR}#" /etc/apt/sources.list.d/debian.sources; fi \
    && if [ -s /run/secrets/ca ]; then \
        echo 'Acquire::https::CAInfo "/run/secrets/ca";' >/etc/apt/apt.conf.d/99build-ca; fi \
    && apt-get update \
    && apt-get install --yes --no-install-recommends libstdc++6 zlib1g \
    && rm -f /etc/apt/apt.conf.d/99build-ca \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --create-home --home-dir /var/lib/meshbot meshbot
COPY --from=istio /istio /opt/istio
COPY --from=build /opt/meshbot /opt/meshbot
ENV PATH=/opt/meshbot/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MESHBOT_ISTIO__HOME=/opt/istio \
    MESHBOT_LEDGER__STATE_DIR=/var/lib/meshbot
USER 10001:10001
WORKDIR /var/lib/meshbot
# An image that cannot draw is not built.
RUN ["python", "-c", "import asyncio, sys; from bot.pictures import explain_failed_trial as trial; sys.exit(asyncio.run(trial()) or None)"]
VOLUME /var/lib/meshbot
# Slack's requests in mode http; health and metrics.
EXPOSE 3000 8080
# Fails only for what a restart mends; /readyz and `meshbot doctor` tell the rest.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-c", "\
import os, urllib.request as web; \
web.urlopen('http://127.0.0.1:%s/healthz' % os.environ.get('MESHBOT_HEALTH__PORT', '8080'), timeout=4)"]
ENTRYPOINT ["meshbot"]
CMD ["run"]

# syntax=docker/dockerfile:1
# Exactly the packages of uv.lock, built in one stage and run in another, as a user without rights. Debian and its own
# Python, the one that the tests run with: such a base comes from Debian's packages alone, so that `make test-image`
# builds and runs this very file where no registry of images can be reached.
FROM debian:bookworm-slim AS base
RUN apt-get update -q \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends ca-certificates python3 \
  && rm -rf /var/lib/apt/lists/*

FROM base AS build
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-venv
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir uv==0.13.8
ENV PATH=/opt/uv/bin:$PATH UV_PROJECT_ENVIRONMENT=/opt/muster UV_PYTHON_DOWNLOADS=never UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
WORKDIR /src
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-dev --no-install-project
COPY bot bot
COPY adapters adapters
# What `muster version` says, since there is no .git here to ask for the tag.
ARG VERSION=0.0
RUN SETUPTOOLS_SCM_PRETEND_VERSION=$VERSION uv sync --frozen --no-dev --no-editable

FROM base
RUN useradd --uid 10001 --create-home --home-dir /var/lib/muster muster
COPY --from=build /opt/muster /opt/muster
ENV PATH=/opt/muster/bin:$PATH PYTHONUNBUFFERED=1
USER muster
# An SQLite database lives here ([store] url = "sqlite:///muster.db"): keep it on a local disk.
WORKDIR /var/lib/muster
VOLUME /var/lib/muster
# In a container: [http] listen = "0.0.0.0:3000".
EXPOSE 3000
HEALTHCHECK --interval=15s --timeout=4s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:3000/healthz', timeout=3)"]
ENTRYPOINT ["muster"]
CMD ["run", "--config", "/etc/muster/muster.toml"]

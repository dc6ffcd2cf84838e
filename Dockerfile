# syntax=docker/dockerfile:1
# Pin the base by digest where you build: --build-arg BASE=python@sha256:…
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
RUN python -m venv --copies /build \
 && /build/bin/pip install --no-deps --require-hashes -r requirements-build.lock \
 && python -m venv --without-pip /opt/kvmigration \
 && /build/bin/pip --python /opt/kvmigration/bin/python install --no-deps --only-binary :all: --require-hashes -r requirements.lock
COPY . .
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
 && /build/bin/pip --python /opt/kvmigration/bin/python install --no-index --no-deps /wheel/*.whl

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="kvmigration-exporter" \
      org.opencontainers.image.description="Prometheus exporter for moving Mimir, Cortex, Loki, Tempo or Pyroscope to memberlist" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/kvmigration /opt/kvmigration
# nothing is written at run time, so the root file system may be read-only
ENV PATH=/opt/kvmigration/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /
EXPOSE 9895
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD ["/opt/kvmigration/bin/python", "-m", "exporter", "healthcheck"]
ENTRYPOINT ["/opt/kvmigration/bin/python", "-m", "exporter"]
CMD ["serve", "--config.file=/etc/kvmigration/config.yml"]

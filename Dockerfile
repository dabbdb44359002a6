# The whole application in one image: `heartbeat up` on one machine, `api`, `worker` and `migrate` at scale.
#   docker build -t heartbeat .
#   docker run --init -p 127.0.0.1:8400:8400 -v heartbeat:/data heartbeat up
ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS build
WORKDIR /build
COPY requirements.lock pyproject.toml ./

# The lock less what only development and the small local model need. hatchling stays, because it builds the project,
# jsonschema and websockets, because other packages need them too, and apprise and OpenTelemetry, which an operator may want.
RUN python -c "import re, tomllib; \
needed = {'apprise', 'hatchling', 'jsonschema', 'opentelemetry-exporter-otlp-proto-http', 'opentelemetry-sdk', \
    'websockets'}; \
extras = tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']; \
left_out = {re.match(r'[\w-]+', line)[0] for lines in extras.values() for line in lines} - needed; \
entries = re.split(r'\n(?=\w)', open('requirements.lock').read()); \
kept = [entry for entry in entries if re.match(r'[\w-]+', entry)[0] not in left_out]; \
open('production.lock', 'w').write('\n'.join(kept))"

# A package index of your own: --secret id=pip,src=FILE lends this step a pip.conf, and leaves no trace of it.
RUN python -m venv --without-pip /venv
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    pip --python /venv/bin/python install --disable-pip-version-check --no-deps --require-hashes -r production.lock

COPY README.md LICENSE worker.py ./
COPY heartbeat heartbeat
COPY api api
COPY workflows workflows
COPY activities activities
RUN pip --python /venv/bin/python install --disable-pip-version-check --no-deps --no-build-isolation --no-index .


# What is in the image, as CycloneDX: docker run --rm --entrypoint cat heartbeat /usr/share/heartbeat/sbom.cdx.json
FROM build AS sbom
COPY deploy/sbom/requirements.txt sbom.lock
RUN python -m venv --without-pip /sbom
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=cache,target=/root/.cache/pip \
    pip --python /sbom/bin/python install --disable-pip-version-check --no-deps --require-hashes -r sbom.lock
RUN /sbom/bin/cyclonedx-py environment --output-file /sbom.cdx.json /venv/bin/python


FROM python:${PYTHON_VERSION}-slim
RUN useradd --uid 10001 --no-create-home heartbeat && install --directory --mode 700 --owner heartbeat /data
COPY --from=build /venv /venv
COPY --from=sbom /sbom.cdx.json /usr/share/heartbeat/sbom.cdx.json
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 HEARTBEAT_DATA_DIR=/data HEARTBEAT_HOST=0.0.0.0 \
    HEARTBEAT_TEMPORAL_UI_HOST=0.0.0.0
USER heartbeat
WORKDIR /data
EXPOSE 8400 8233
# Says whether the API answers; /readyz also asks for Temporal and a worker. A worker alone has its own: switch this off there.
HEALTHCHECK --interval=10s --timeout=5s --start-period=180s CMD ["python", "-c", "import os, sys, http.client; \
api = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('HEARTBEAT_PORT') or 8400), timeout=4); \
api.request('GET', '/healthz'); sys.exit(api.getresponse().status != 200)"]
ENTRYPOINT ["heartbeat"]
CMD ["up"]

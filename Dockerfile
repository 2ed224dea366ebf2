# One image for all services and the operators' command: `docker run IMAGE python -m event_handler`.
# `make image` builds it with the engine that is installed. To pin the base by its digest as well, give PYTHON_IMAGE.
ARG PYTHON_IMAGE=python:3.13.9-slim-trixie

FROM ${PYTHON_IMAGE} AS build
WORKDIR /app
COPY requirements.txt requirements-image.txt requirements-uv.txt ./
# The compiler of the contract and the writer of the bill of materials are needed here only.
RUN python -m venv /tools && /tools/bin/pip install --no-cache-dir --require-hashes -r requirements-uv.txt \
    && /tools/bin/uv pip install --no-cache --python /tools/bin/python --require-hashes -r requirements-image.txt
RUN python -m venv --without-pip /venv \
    && /tools/bin/uv pip install --no-cache --compile-bytecode --python /venv/bin/python \
        --require-hashes -r requirements.txt
# The base of this stage is that of the image, and nothing was added to it.
COPY deploy/bill_of_materials.py .
RUN /tools/bin/cyclonedx-py environment --output-reproducible --output-file /sbom.cdx.json /venv/bin/python \
    && dpkg-query --show --showformat '${Package}\t${Version}\t${Architecture}\t${source:Package}\n' \
        | /tools/bin/python bill_of_materials.py /sbom.cdx.json
COPY protos protos
RUN mkdir generated \
    && /tools/bin/python -m grpc_tools.protoc -I protos --python_out=generated --grpc_python_out=generated \
        $(find protos -name '*.proto')

FROM ${PYTHON_IMAGE}
ARG PYTHON_IMAGE
LABEL org.opencontainers.image.base.name=${PYTHON_IMAGE}
# A number, so that an orchestrator can see that it is not root.
RUN groupadd --gid 10001 challenge && useradd --uid 10001 --gid 10001 --no-create-home challenge
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /sbom.cdx.json /sbom.cdx.json
COPY --from=build /app/generated generated
COPY shared shared
COPY challenge_service challenge_service
COPY event_handler event_handler
COPY event_source event_source
COPY reward_dispatcher reward_dispatcher
COPY admin admin
COPY migrations migrations
COPY deploy/roles.sql deploy/roles.sql
COPY catalogues catalogues
# Compiled now, because the file system may be read-only later.
RUN python -m compileall -q /app
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app:/app/generated PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    BIND_ADDRESS=0.0.0.0 CATALOGUE=catalogues/demo.yaml \
    CHALLENGE_HEALTH_PORT=8080 EVENT_HEALTH_PORT=8080 DISPATCHER_HEALTH_PORT=8080 SOURCE_HEALTH_PORT=8080
USER 10001:10001
# Every service of the image has this port; commands of operators end before they are asked.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]

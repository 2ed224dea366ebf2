# One image for both services and the operators' command: `docker run IMAGE python -m event_handler`.
FROM python:3.13-slim AS build
WORKDIR /app
COPY requirements.txt requirements-dev.txt requirements-uv.txt ./
# The compiler of the contract is needed here only.
RUN python -m venv /tools && /tools/bin/pip install --no-cache-dir --require-hashes -r requirements-uv.txt \
    && /tools/bin/uv pip install --no-cache --python /tools/bin/python --require-hashes -r requirements-dev.txt
RUN python -m venv /venv \
    && /tools/bin/uv pip install --no-cache --python /venv/bin/python --require-hashes -r requirements.txt
COPY protos protos
RUN mkdir generated \
    && /tools/bin/python -m grpc_tools.protoc -I protos --python_out=generated --grpc_python_out=generated \
        $(find protos -name '*.proto')

FROM python:3.13-slim
RUN groupadd --gid 10001 challenge && useradd --uid 10001 --gid 10001 --no-create-home challenge
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app/generated generated
COPY shared shared
COPY challenge_service challenge_service
COPY event_handler event_handler
COPY reward_dispatcher reward_dispatcher
COPY admin admin
COPY migrations migrations
COPY deploy deploy
COPY catalogues catalogues
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app:/app/generated PYTHONUNBUFFERED=1 BIND_ADDRESS=0.0.0.0 \
    CATALOGUE=catalogues/demo.yaml
USER 10001:10001

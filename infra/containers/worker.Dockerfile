# Prefect server, worker and everything a lap needs, from requirements.lock. Build from the repository's root:
#   docker build -f infra/containers/worker.Dockerfile -t fleetloop-worker .
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements.lock ./
# torch as a CPU build, from PyTorch's own index as in infra/setup.sh; that index hosts nothing else that is taken here
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --no-deps --index-url https://download.pytorch.org/whl/cpu \
        "$(sed -n 's/^\(torch==[^ ;]*\).*/\1/p' requirements.lock)" \
    && /venv/bin/pip install --no-cache-dir --no-deps --compile -r requirements.lock
COPY pyproject.toml README.md ./
COPY edge edge
COPY pipelines pipelines
COPY flows flows
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation --compile ./edge .

FROM python:3.11-slim-bookworm
# git: a run's workspace is a clone; libgomp: LightGBM
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin fleetloop \
    && install --directory --owner=fleetloop /work /cache
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DO_NOT_TRACK=1 \
    DVC_NO_ANALYTICS=1 \
    GX_ANALYTICS_ENABLED=false \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    NUMBA_CACHE_DIR=/cache/numba \
    DVC_SITE_CACHE_DIR=/tmp/dvc
USER 10001
WORKDIR /work
CMD ["prefect", "worker", "start", "--pool", "fleetloop", "--type", "process"]

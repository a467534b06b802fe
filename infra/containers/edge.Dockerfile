# A gateway: the runtime and what it computes with, no training code. Build from the repository's root:
#   docker build -f infra/containers/edge.Dockerfile -t fleetloop-edge .
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements.lock ./
COPY edge edge
# the lock constrains, so that a gateway computes with the very versions that the parity gate ran on
RUN sed -E '/^-e |^\.?\/?edge/d' requirements.lock > constraints.txt \
    && python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --compile --constraint constraints.txt ./edge

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin fleetloop \
    && install --directory --owner=fleetloop /spool /bundle
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
WORKDIR /spool
CMD ["python", "-c", "import fleetloop_edge.runtime; print('fleetloop-edge is installed')"]

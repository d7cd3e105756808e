# The image of a worker: the package in a virtual environment of its own, and nothing that only building needs.
# Every dependency comes as a wheel, so that no compiler is needed; a test runs these steps without one. What is installed
# is locked by hashes (`make lock`), and each image by its digest (`make pin-images`).

FROM python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3 AS build
WORKDIR /src
COPY pyproject.toml setup.cfg README.md LICENSE ./
COPY requirements requirements
COPY tweetream tweetream
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv /opt/build \
    && /opt/build/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt \
    && /opt/build/bin/pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps -w /src/dist . \
    && python -m venv /opt/tweetream \
    && /opt/tweetream/bin/pip install --quiet --disable-pip-version-check --only-binary :all: \
        --require-hashes -r requirements/worker.txt \
    && /opt/tweetream/bin/pip install --quiet --disable-pip-version-check --no-deps /src/dist/tweetream-*.whl \
    && mkdir /data

FROM python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3
COPY --from=build /opt/tweetream /opt/tweetream
# A new volume here takes the owner of its folder.
COPY --from=build --chown=10001:10001 /data /var/lib/tweetream
COPY --from=build --chown=10001:10001 /data /archive
ENV PATH=/opt/tweetream/bin:$PATH \
    HOME=/var/lib/tweetream \
    PYTHONDONTWRITEBYTECODE=1 \
    TWEETREAM_DATA_DIR=/var/lib/tweetream \
    TWEETREAM_WEB_HOST=0.0.0.0
WORKDIR /var/lib/tweetream
USER 10001:10001
VOLUME /var/lib/tweetream
EXPOSE 6066
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, sys, http.client; c = http.client.HTTPConnection(os.environ.get('TWEETREAM_WEB_HOST') or '127.0.0.1', int(os.environ.get('TWEETREAM_WEB_PORT') or 6066), timeout=3); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]
CMD ["tweetream", "worker", "-l", "info"]

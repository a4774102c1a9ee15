# One image for the manager and the agent: `omectl manager`, `omectl agent`.
# Nothing is written at run time, so the root file system may be read-only.
ARG PYTHON=3.12-slim-bookworm

# The wheel, built with the pinned build tools.
FROM python:${PYTHON} AS wheel
WORKDIR /source
COPY requirements-dev.lock ./
RUN pip install --no-cache-dir --no-deps --require-hashes --requirement requirements-dev.lock
COPY pyproject.toml README.md LICENSE ./
COPY src src
# The wheel carries both: the control plane's tool modules and the manifests.
COPY hack/tools hack/tools
COPY manifests manifests
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

# The pinned and hashed packages that the processes run on, then omectl itself.
FROM python:${PYTHON} AS packages
RUN python -m venv /opt/omectl
COPY requirements.lock ./
RUN /opt/omectl/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement requirements.lock
COPY --from=wheel /wheels /wheels
RUN /opt/omectl/bin/pip install --no-cache-dir --no-deps --no-index /wheels/*.whl

# For `tilt up`: the sources come in over the installed copy, and the user may replace them.
FROM packages AS dev
ENV PATH=/opt/omectl/bin:${PATH} PYTHONUNBUFFERED=1 PYTHONPATH=/source/src
COPY --chown=65532:65532 src /source/src
USER 65532:65532
ENTRYPOINT ["omectl"]
CMD ["manager"]

FROM python:${PYTHON}
LABEL org.opencontainers.image.title=omectl \
      org.opencontainers.image.licenses=Apache-2.0
COPY --from=packages /opt/omectl /opt/omectl
ENV PATH=/opt/omectl/bin:${PATH} PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# The agent's DaemonSet asks for uid 0 itself: it owns the files under the models root.
USER 65532:65532
ENTRYPOINT ["omectl"]
CMD ["manager"]

#!/usr/bin/env bash
# Writes requirements.lock (what the images run) and requirements-dev.lock (what a developer and CI run).
# Both are pinned and hashed for every platform and name no package host. Needs uv on the PATH.
set -euo pipefail
cd "$(dirname "$0")/../.."
lock() {
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
    --no-header --no-emit-package omectl --override hack/lock/overrides.txt "$@"
}
lock pyproject.toml --extra agent --output-file requirements.lock
lock pyproject.toml hack/lock/build.in --all-extras --group dev --output-file requirements-dev.lock

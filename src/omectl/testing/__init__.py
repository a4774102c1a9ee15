"""Fixtures for tests of omectl and of what builds on it.

Take them all with `pytest_plugins = ["omectl.testing.plugin"]` in your outermost conftest:

* `control_plane`: a real API server for the session (profile `fast`); `full_control_plane`: with RBAC and admission;
  `cluster`: the latter with controllers, scheduler and simulated nodes.
* `client`: a client of `control_plane`, as admin; `namespace`: a fresh namespace there.
* Every test is checked for leaks: a task, thread or child process that outlives it fails it.

Without the binaries these tests skip with a reason; where `CI` is `true` they fail.
"""

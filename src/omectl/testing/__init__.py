"""Fixtures for tests of omectl and of what builds on it.

Take them all with `pytest_plugins = ["omectl.testing.plugin"]` in your outermost conftest:

* `control_plane`: a real API server for the session (profile `fast`); `full_control_plane`: with RBAC and admission;
  `cluster`: the latter with controllers, scheduler and simulated nodes; `groups_cluster`: another such with the real
  LeaderWorkerSet controller.
* `client`: a client of `control_plane`, as admin; `namespace`: a fresh namespace there.
* `embedded_server`: an API server in this process, one for each test, that misbehaves on command
  (`omectl.local.embedded`); `embedded_client`: a client of it. Override `embedded_kinds` and `embedded_options` to say
  what it serves and how fast.
* `binaries`: the programs, for tests that start control planes of their own.
* `virtual_clock`: a wall clock that goes with the loop's time, for tests under looptime.
* Every test is checked for leaks: a task, thread or child process that outlives it fails it; what a fixture of a wider
  scope started may stay.

Without the binaries these tests skip with a reason; where `CI` is `true` they fail. They never build them:
`omectl cluster binaries` does.
"""

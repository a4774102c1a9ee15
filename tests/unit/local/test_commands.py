"""Command lines of the control plane's programs."""

from pathlib import Path

import pytest

from omectl.local.assets import CONTROL_PLANE, Binary
from omectl.local.control_plane import ControlPlaneOptions, Profile, commands
from omectl.local.control_plane.commands import Addresses, Files

ADDRESSES = Addresses(etcd_client=1, etcd_peer=2, apiserver=3, member="m")
FILES = Files(Path("/d"))


@pytest.mark.parametrize(("profile", "authorization"), [(Profile.FAST, "AlwaysAllow"), (Profile.FULL, "Node,RBAC")])
def test_profile_decides_about_authorization(profile: Profile, authorization: str) -> None:
    command = commands.kube_apiserver(Path("/b/kube-apiserver"), ADDRESSES, FILES, profile, audit=False)
    assert f"--authorization-mode={authorization}" in command


def test_servers_listen_on_loopback_only() -> None:
    etcd = commands.etcd(Path("/b/etcd"), ADDRESSES, FILES)
    apiserver = commands.kube_apiserver(Path("/b/kube-apiserver"), ADDRESSES, FILES, Profile.FULL, audit=False)
    listening = [flag for flag in (*etcd, *apiserver) if "listen" in flag or "bind-address" in flag]
    assert len(listening) == 3
    assert all("127.0.0.1" in flag for flag in listening)


def test_audit_log_is_written_only_on_request() -> None:
    without = commands.kube_apiserver(Path("/b"), ADDRESSES, FILES, Profile.FULL, audit=False)
    with_log = commands.kube_apiserver(Path("/b"), ADDRESSES, FILES, Profile.FULL, audit=True)
    assert not any("audit" in flag for flag in without)
    assert f"--audit-log-path={FILES.audit_log}" in with_log


def test_requests_in_flight_are_limited_unless_asked_otherwise() -> None:
    usual = commands.kube_apiserver(Path("/b"), ADDRESSES, FILES, Profile.FAST, audit=False)
    unlimited = commands.kube_apiserver(Path("/b"), ADDRESSES, FILES, Profile.FAST, audit=False, in_flight_limits=False)
    assert ControlPlaneOptions().in_flight_limits
    assert not any("inflight" in flag for flag in usual)
    assert set(unlimited) - set(usual) == {"--max-requests-inflight=0", "--max-mutating-requests-inflight=0"}


def test_only_the_programs_of_the_wanted_parts_are_needed() -> None:
    assert commands.needed(controllers=False, scheduler=False, kwok=False) == {Binary.ETCD, Binary.KUBE_APISERVER}
    everything = commands.needed(controllers=True, scheduler=True, kwok=True)
    assert everything == CONTROL_PLANE - {Binary.KUBECTL}


def test_fast_profile_with_controllers_is_refused_with_the_profile_to_use() -> None:
    with pytest.raises(ValueError, match="use the profile 'full'"):
        ControlPlaneOptions(profile=Profile.FAST, controllers=True).validated()

"""A real control plane on this machine: etcd and kube-apiserver as processes, and a whole cluster where wanted."""

from omectl.local.control_plane.control_plane import ControlPlane
from omectl.local.control_plane.options import ControlPlaneOptions, Profile
from omectl.local.control_plane.server import StartTimeout

__all__ = ["ControlPlane", "ControlPlaneOptions", "Profile", "StartTimeout"]

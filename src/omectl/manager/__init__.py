"""The runtime that hosts controllers and other runnables of one process."""

from omectl.manager.access import AccessFilter, AccessLimits, Refusal, ReviewClient
from omectl.manager.campaign import BLOCKED_EXIT_CODE
from omectl.manager.controller import Controller, ControllerState, ControllerStatistics
from omectl.manager.elector import LeaderElector, LeadershipLost
from omectl.manager.errors import ControllerFailed, ManagerError, NotLeading
from omectl.manager.events import EventLimits, Subject
from omectl.manager.gate import FreshReader, WriteGate
from omectl.manager.handler import (
    Handler,
    KeyOnly,
    enqueue_by_type,
    enqueue_mapped,
    enqueue_object,
    enqueue_owner,
)
from omectl.manager.lease import LeaseLock
from omectl.manager.manager import Manager, ManagerState, RunnableFailed, StopTimeout
from omectl.manager.options import ElectionOptions, ManagerOptions
from omectl.manager.predicate import (
    Predicate,
    all_of,
    annotations_changed,
    any_of,
    content_changed,
    deletion_started,
    generation_changed,
    has_labels,
    in_namespace,
    labels_changed,
    named,
    none_of,
    on,
    resource_version_changed,
)
from omectl.manager.probes import Check, Checks
from omectl.manager.reconciler import Reconcile, blocking, with_fresh_object, with_object
from omectl.manager.recorder import EventRecorder
from omectl.manager.result import Result, TerminalError
from omectl.manager.runnable import Group, Preparing, Runnable
from omectl.manager.server import AddressUnavailable, BadAddress, HttpServer, RequestHandler
from omectl.manager.serving_certificate import (
    CertificateFiles,
    CertificateSource,
    CertificateUnavailable,
    SelfSignedCertificate,
    ServingCertificate,
)
from omectl.manager.signals import stop_on_signals
from omectl.manager.source import ChannelSource, FunctionSource, KindSource, PollingSource, Source
from omectl.manager.statistics import ManagerStatistics

__all__ = [
    "BLOCKED_EXIT_CODE",
    "AccessFilter",
    "AccessLimits",
    "AddressUnavailable",
    "BadAddress",
    "CertificateFiles",
    "CertificateSource",
    "CertificateUnavailable",
    "ChannelSource",
    "Check",
    "Checks",
    "Controller",
    "ControllerFailed",
    "ControllerState",
    "ControllerStatistics",
    "ElectionOptions",
    "EventLimits",
    "EventRecorder",
    "FreshReader",
    "FunctionSource",
    "Group",
    "Handler",
    "HttpServer",
    "KeyOnly",
    "KindSource",
    "LeaderElector",
    "LeadershipLost",
    "LeaseLock",
    "Manager",
    "ManagerError",
    "ManagerOptions",
    "ManagerState",
    "ManagerStatistics",
    "NotLeading",
    "PollingSource",
    "Predicate",
    "Preparing",
    "Reconcile",
    "Refusal",
    "RequestHandler",
    "Result",
    "ReviewClient",
    "Runnable",
    "RunnableFailed",
    "SelfSignedCertificate",
    "ServingCertificate",
    "Source",
    "StopTimeout",
    "Subject",
    "TerminalError",
    "WriteGate",
    "all_of",
    "annotations_changed",
    "any_of",
    "blocking",
    "content_changed",
    "deletion_started",
    "enqueue_by_type",
    "enqueue_mapped",
    "enqueue_object",
    "enqueue_owner",
    "generation_changed",
    "has_labels",
    "in_namespace",
    "labels_changed",
    "named",
    "none_of",
    "on",
    "resource_version_changed",
    "stop_on_signals",
    "with_fresh_object",
    "with_object",
]

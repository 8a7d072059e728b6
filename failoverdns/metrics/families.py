"""The table of all metrics: name, kind, labels, where `stats` has the numbers, and what they mean.

A place in `stats` is a path: `queries/{transport}/{rcode}` goes through the object `queries`, whose
names are values of the label `transport`, and so on; `groups/[group]/active/{side}` goes through
the list `groups`, whose objects have the label in the field `group`.  What is null there, or
missing, has no sample.

Names and units follow Prometheus' conventions: counters end in `_total`, times since 1970 in
`_timestamp_seconds`, seconds in `_seconds`, bytes in `_bytes`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

PREFIX: Final = "failoverdns_"


class Kind(Enum):
    """The types of metrics."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its name without prefix, its kind, its place in `stats`, and its help text."""

    name: str
    kind: Kind
    place: str
    help: str

    @property
    def full_name(self) -> str:
        """The name as Prometheus shows it; samples of a histogram have further suffixes."""
        return PREFIX + self.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the labels, in the order in which the place has them."""
        found = (part for part in self.place.split("/") if part[0] in "{[")
        return tuple(name for part in found for name in re.findall(r"\w+", part))


def _counter(name: str, place: str, help_: str) -> Family:
    return Family(name, Kind.COUNTER, place, help_)


def _gauge(name: str, place: str, help_: str) -> Family:
    return Family(name, Kind.GAUGE, place, help_)


def _histogram(name: str, place: str, help_: str) -> Family:
    return Family(name, Kind.HISTOGRAM, place, help_)


ANSWERS: Final = (
    _counter(
        "queries_total",
        "queries/{transport}/{rcode}",
        "Queries that were answered, by transport and RCODE of the reply.",
    ),
    _counter("truncated_total", "truncated/{transport}", "Replies with the flag TC, by transport."),
    _counter(
        "ignored_packets_total",
        "ignored/{transport}",
        "Packets and messages that get no reply, because they are not queries.",
    ),
    _counter(
        "rate_limited_total",
        "limited/{treatment}",
        "Replies that rate limiting dropped, or replaced by a truncated one (slipped).",
    ),
    _gauge("rate_limit_accounts", "rate_limit/accounts", "Accounts of the rate limit in use."),
    _counter(
        "udp_lost_packets_total",
        "lost",
        "Packets that the kernel dropped, because they came faster than they were read.",
    ),
    _counter("udp_unsent_total", "unsent/udp", "Replies over UDP that the kernel did not accept."),
    _gauge("tcp_connections", "tcp/connections", "Open connections of DNS clients."),
    _gauge("tcp_max_connections", "tcp/max_connections", "The limit of these connections."),
    _counter(
        "tcp_accepted_total",
        "accepted/{transport}",
        "Connections of DNS clients that were accepted, over TLS after the handshake.",
    ),
    _counter(
        "tcp_evicted_total",
        "evicted/{transport}",
        "Connections that were closed to make room for others.",
    ),
    _gauge("tls_handshakes", "tls/handshakes", "TLS handshakes of DNS clients under way."),
    _counter(
        "signed_messages_total",
        "signed/{treatment}",
        "Messages signed with a known TSIG key: forwarded to the transfer process, or refused.",
    ),
    _gauge("workers", "workers/running", "Answering processes that run."),
    _gauge("workers_answering", "workers/answering", "Answering processes that answer now."),
    _counter(
        "workers_ended_total",
        "workers/ended",
        "Answering processes that ended without being asked to, and were replaced.",
    ),
    _gauge(
        "behind", "behind", "1 if the state may hold changes that are not served yet, otherwise 0."
    ),
)
"""What answering processes do; counts of those that have ended are in the sums."""

COMMANDS: Final = (
    _counter(
        "commands_total",
        "commands/{command}/{code}",
        "Commands by their words and result: ok, or the code of the error.",
    ),
    _histogram(
        "command_duration_seconds",
        "command_seconds/{command}",
        "Time from a request to its reply, or to the first piece of a long one.",
    ),
    _counter("forbidden_total", "forbidden", "Commands and clients refused for their role."),
    _counter("refused_total", "refused/{rule}", "Refused switches, once for each rule."),
    _counter("commits_total", "commits/{result}", "Attempts to write to the store, by result."),
    _histogram(
        "commit_duration_seconds", "commit_seconds", "Time that the store took for a commit."
    ),
    _counter("changes_total", "changes", "Changes that were committed."),
    _gauge("revision", "revision", "The number of the last change."),
    _counter("events_total", "events/{event}", "Events that hooks are called for."),
    _gauge("control_clients", "clients/open", "Clients of the control socket."),
    _gauge("control_watchers", "clients/watching", "Clients of the control socket that watch."),
)
"""What operators and programs ask for."""

GROUPS: Final = (
    _gauge("groups", "groups_total", "Failover groups."),
    _gauge(
        "groups_omitted",
        "groups_omitted",
        "Groups without metrics of their own: ask with ?groups=PATTERN.",
    ),
    _gauge("groups_active", "groups_active/{side}", "Groups by their active side."),
    _gauge(
        "groups_without_healthy_side",
        "groups_without_healthy_side",
        "Groups with a side that is down, and none that is up.",
    ),
    _gauge("groups_in_maintenance", "groups_in_maintenance", "Groups in maintenance."),
    _gauge("groups_held", "groups_held", "Groups whose automatic switch a rule holds back."),
    _gauge("groups_planned", "groups_planned", "Groups with a planned switch."),
    _gauge(
        "group_active", "groups/[group]/active/{side}", "1 for the active side, 0 for the other."
    ),
    _gauge(
        "group_health",
        "groups/[group]/health/{side}",
        "1 if the application on the side is up, 0 if it is down; no sample if not known.",
    ),
    _gauge("group_maintenance", "groups/[group]/maintenance", "1 if the group is in maintenance."),
    _counter(
        "switches_total",
        "groups/[group]/switches/{to}/{by}",
        "Switches of a group: to which side, and by what.",
    ),
    _counter(
        "all_switches_total",
        "switches/{to}/{by}",
        "Switches of all groups together: to which side, and by what.",
    ),
)
"""Groups; the number of those with metrics of their own is bounded."""

AUTOMATION: Final = (
    _gauge(
        "automation_frozen", "automation/frozen", "1 while automatic switching is frozen, else 0."
    ),
    _gauge("automation_groups", "automation/groups", "Groups that are watched by policies."),
    _counter("probes_total", "probes/results/{kind}/{result}", "Probes by kind and result."),
    _gauge("probe_targets", "probes/targets", "Heads and checks that are probed."),
    _gauge("probes_running", "probes/running", "Probes under way."),
    _gauge("probes_waiting", "probes/waiting", "Probes that are due and have no place."),
    _gauge(
        "probes_late_seconds", "probes/late", "The longest delay of a probe in a minute or two."
    ),
    _counter("hook_runs_total", "hook_runs/{hook}/{result}", "Runs of hooks by result."),
    _gauge("hook_waiting", "hooks/[name]/waiting", "Events that a hook has not run for yet."),
)
"""Health, automatic switching, and hooks."""

CERTIFICATES: Final = (
    _gauge(
        "certificate_not_after_timestamp_seconds",
        "certificates/[application]/not_after",
        "When the certificate of an application ends; with many, those that end first.",
    ),
    _gauge("certificates", "certificates_total", "Certificates."),
    _gauge("certificates_omitted", "certificates_omitted", "Certificates without a sample."),
    _gauge("acme_orders", "orders/{state}", "Certificate orders under way, by state."),
    _counter("acme_order_steps_total", "acme/{result}", "Steps of certificate orders, by result."),
    _counter("deliveries_total", "deliveries/{status}", "Fetches of certificates, by HTTP status."),
)
"""Certificates, their issue and their delivery."""

TRANSFERS: Final = (
    _gauge(
        "transfers_serving", "transfers/serving", "1 while zone transfers are served, otherwise 0."
    ),
    _gauge("transfer_connections", "transfers/connections", "Connections of clients with keys."),
    _counter(
        "transfer_requests_total",
        "transfer_requests/{kind}",
        "Signed requests by kind; not_verified are those whose TSIG signature is wrong.",
    ),
    _counter(
        "notifies_total",
        "notifies/{result}",
        "Replies of secondaries to NOTIFY messages, by what they say.",
    ),
    _gauge(
        "secondary_lag_seconds",
        "secondaries/[secondary,zone]/lag",
        "Seconds since when a secondary is behind in a zone; 0 if it is in step.",
    ),
    _gauge("secondaries_omitted", "secondaries_omitted", "Secondaries and zones without a sample."),
    _gauge("zones", "zones", "Zones that are served."),
)
"""Zone transfers, and the secondaries."""

STORE: Final = (
    _gauge("store_writable", "store/writable", "1 if the state can be written, otherwise 0."),
    _gauge(
        "store_last_contact_timestamp_seconds",
        "store/last_contact",
        "When the store could be written last.",
    ),
    _gauge("store_free_bytes", "store/free", "Free bytes on the disk of the state."),
    _gauge(
        "store_reserve_held", "store/reserve_held", "1 if the reserve for a full disk is there."
    ),
    _counter("store_outages_total", "store/outages", "Times that the state could not be written."),
    _gauge(
        "store_unrecorded_steps",
        "store/unrecorded",
        "Automatic steps that are served and not stored.",
    ),
    _counter("unrecorded_steps_total", "store/unrecorded_total", "All such steps since the start."),
)
"""The store behind the state."""

HTTP: Final = (
    _gauge("http_serving", "http/serving", "1 while the process that serves HTTP runs, else 0."),
    _gauge("http_connections", "http/connections", "Open HTTP connections."),
    _gauge("http_event_streams", "http/streams", "Open streams of events."),
    _counter("http_requests_total", "http_requests/{status}", "HTTP requests by class of status."),
    _counter("http_refused_tokens_total", "http_counts/refused_tokens", "Wrong or ended tokens."),
    _counter("http_limited_total", "http_counts/limited", "HTTP requests refused by a limit."),
    _counter("http_dropped_total", "http_counts/dropped", "HTTP connections closed by a limit."),
)
"""The process that serves HTTP."""

PROCESSES: Final = (
    Family("build", Kind.INFO, "build", "The version of failoverdns, Python and the fast path."),
    _gauge("start_timestamp_seconds", "started", "When the control process began to serve."),
    _gauge(
        "process_start_timestamp_seconds", "processes/{process}/started", "When a process started."
    ),
    _counter(
        "process_cpu_seconds_total", "processes/{process}/cpu", "CPU time of a process, in seconds."
    ),
    _gauge("process_resident_memory_bytes", "processes/{process}/memory", "Memory of a process."),
    _gauge("process_open_files", "processes/{process}/open_files", "Open files of a process."),
    _gauge("open_files_allowed", "open_files/allowed", "Open files that the server may have."),
    _gauge("open_files_wanted", "open_files/wanted", "Open files that would be enough."),
)
"""Every process of the server."""

FAMILIES: Final = (
    *ANSWERS, *COMMANDS, *GROUPS, *AUTOMATION, *CERTIFICATES, *TRANSFERS, *STORE, *HTTP, *PROCESSES,
)  # fmt: skip
"""All metrics, in the order in which they are written."""

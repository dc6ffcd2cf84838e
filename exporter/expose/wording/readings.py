"""Where a primary was read, and why a page was not read and what to do about it, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exporter.model.pages import Reason
from exporter.model.views import Origin

# What each reason of a failure means, and what to do. `DEADLINE` and `BUDGET` are the exporter's own bounds.
REMEDIES: Final[Mapping[Reason, tuple[str, str]]] = {
    Reason.TIMEOUT: (
        "no answer in time",
        "Check whether the process is overloaded; raise http_client.timeout.",
    ),
    Reason.DEADLINE: ("not requested in time", "Raise interval, or share the processes among shards."),
    Reason.REFUSED: ("no process listens", "Start the process, correct its port, or take it out of targets."),
    Reason.DNS: ("the name has no address", "Correct the name, or run doctor where the exporter will run."),
    Reason.TLS: (
        "no TLS connection",
        "Name the CA under http_client.tls_config, or write http:// in the URL.",
    ),
    Reason.CLOSED: ("the connection was closed", "Read the process's log, and check proxies on the way."),
    Reason.STATUS: ("an error of the server", "Read the process's log."),
    Reason.DENIED: ("401 or 403", "Give http_client the credentials, or let the path through the proxy."),
    Reason.REDIRECT: ("a redirect", "Write the address behind it, or log in: it is probably a login page."),
    Reason.TOO_LARGE: ("too large", "Raise http_client.max_response_bytes."),
    Reason.DECODE: ("not decoded", "Report it with the page: a release may have another form."),
    Reason.FORBIDDEN: ("a path that is never requested", "Name the ring under rings."),
    Reason.MIXED: ("endpoints of several clusters", "Name only the endpoints of one store."),
    Reason.BUDGET: ("more than one process may cost", "Find out why its pages are so large or slow."),
}


def origin_text(origin: Origin) -> str:
    """The place of a primary: "ring page of most of 9 processes"; "" where nothing was read."""
    if origin.target:
        return f"{origin.place} of {origin.target}"
    of_most = f" of most of {origin.processes} processes" if origin.processes else ""
    return f"{origin.place}{of_most}"

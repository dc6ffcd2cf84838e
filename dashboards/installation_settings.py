"""What an installation may configure about the boards."""

from __future__ import annotations

import re
from dataclasses import dataclass

from exporter.errors import ConfigError

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class Options:
    """How the boards are generated.

    `cluster_label` and `namespace_label` name the labels that Prometheus adds to everything; "" where
    there is none. `selector` is more matchers, `team="metrics"`, for every query. `runbooks` is where the
    runbooks are; "" for the exporter's own docs, by the address at which Prometheus scrapes it.
    """

    datasource: str = "datasource"
    cluster_label: str = "cluster"
    namespace_label: str = "namespace"
    pod_label: str = "pod"
    selector: str = ""
    folder: str = ""
    runbooks: str = ""
    read_write_pods: str = ".*(write|read|backend)-[0-9]+"

    def __post_init__(self) -> None:
        """Refuse what would give boards that cannot be read.

        Raises:
            ConfigError: a name is not a label or variable name.
        """
        names = {
            "--datasource": self.datasource,
            "--pod-label": self.pod_label,
            "--cluster-label": self.cluster_label or "unset",
            "--namespace-label": self.namespace_label or "unset",
        }
        problems = [
            f"{flag}: {name!r} is not a name" for flag, name in names.items() if not _LABEL.fullmatch(name)
        ]
        if problems:
            raise ConfigError(*problems)

    @property
    def place(self) -> tuple[str, ...]:
        """Labels by which one exporter's job differs from another's."""
        return (*(label for label in (self.cluster_label, self.namespace_label) if label), "job")

"""Pods as the Kubernetes API answers them, as targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from exporter.config import Kubernetes
from exporter.errors import DecodeError
from exporter.sources.discovery.target_source import FoundTarget, from_address, plain_name

COMPONENT_LABELS = ("app.kubernetes.io/component", "component", "name")
_OVER = frozenset(("Succeeded", "Failed"))


def pod_key(pod: Mapping[str, Any]) -> str:
    """The API's key of this pod. Raises `DecodeError` where the object is no pod."""
    metadata = _mapping(pod.get("metadata"))
    uid = metadata.get("uid")
    if not isinstance(uid, str) or not isinstance(metadata.get("name"), str):
        raise DecodeError("an object without name and uid")
    return uid


def objects_in(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The pods of one page of a list. Raises `DecodeError` where they are none."""
    items = page.get("items")
    if not (items is None or isinstance(items, list)) or not all(isinstance(i, Mapping) for i in items or ()):
        raise DecodeError("a list of pods with items that are no objects")
    return items or []


def continues_at(page: Mapping[str, Any]) -> str:
    """The token of the next page, "" on the last one."""
    more = _mapping(page.get("metadata")).get("continue")
    return more if isinstance(more, str) else ""


def resource_version(manifest: Mapping[str, Any]) -> str:
    """Where a list or an object stands in the history of the cluster; "" where it has no version."""
    version = _mapping(manifest.get("metadata")).get("resourceVersion")
    return version if isinstance(version, str) else ""


def found_in(pod: Mapping[str, Any], config: Kubernetes) -> FoundTarget | None:
    """The pod as a target; None without an address yet, when it is over, or without the port."""
    metadata, status = _mapping(pod.get("metadata")), _mapping(pod.get("status"))
    address = status.get("podIP")
    place = _port(_mapping(pod.get("spec")), str(config.port))
    if not isinstance(address, str) or not address or status.get("phase") in _OVER or place is None:
        return None
    container, port = place
    try:
        plain = from_address(f"[{address}]:{port}" if ":" in address else f"{address}:{port}", config.scheme)
    except DecodeError:
        return None
    name = plain_name(str(metadata.get("name", "")))
    labels = {"namespace": str(metadata.get("namespace", "")), "pod": name, "container": container}
    kept = {key: value for key, value in labels.items() if plain_name(value)}
    return replace(plain, name=name, component=_component(_mapping(metadata.get("labels"))), labels=kept)


def not_running(pod: Mapping[str, Any], config: Kubernetes) -> str:
    """The state of a pod that should run and does not; "" for all other pods.

    A pod with an address is a target, and its own pages show its state. A failed pod of a ReplicaSet has been
    replaced (the controller counts only active pods); one of a Job has finished.
    """
    metadata, status = _mapping(pod.get("metadata")), _mapping(pod.get("status"))
    phase, owner = status.get("phase"), _owner(metadata)
    has_port = _port(_mapping(pod.get("spec")), str(config.port)) is not None
    if owner == "Job" or metadata.get("deletionTimestamp") or not has_port:
        return ""
    if (phase == "Pending" and not status.get("podIP")) or (phase == "Failed" and owner != "ReplicaSet"):
        why = plain_name(_reason(status))[:60]
        name = plain_name(str(metadata.get("name", ""))) or "a pod"
        return f"{name} is {phase} ({why})" if why else f"{name} is {phase}"
    return ""


def _owner(metadata: Mapping[str, Any]) -> str:
    """The kind of the controller that made a pod."""
    owners = map(_mapping, _list(metadata.get("ownerReferences")))
    return next((str(owner.get("kind", "")) for owner in owners if owner.get("controller")), "")


def _reason(status: Mapping[str, Any]) -> str:
    """Why it does not run: its own reason (Evicted), that it has no node, or what a container waits for."""
    placed = (c for c in map(_mapping, _list(status.get("conditions"))) if c.get("type") == "PodScheduled")
    states = (_mapping(each.get("state")) for each in map(_mapping, _list(status.get("containerStatuses"))))
    reasons = [
        status.get("reason"),
        *(condition.get("reason") for condition in placed if condition.get("status") == "False"),
        *(_mapping(state.get("waiting")).get("reason") for state in states),
    ]
    return next((reason for reason in reasons if isinstance(reason, str) and reason), "")


def _component(labels: Mapping[str, Any]) -> str:
    values = (labels.get(label) for label in COMPONENT_LABELS)
    return next((plain_name(value) for value in values if isinstance(value, str) and value), "")


def _port(spec: Mapping[str, Any], wanted: str) -> tuple[str, int] | None:
    """The container and number of a port by its name or number; any number will do unnamed."""
    containers = [_mapping(item) for item in _list(spec.get("containers"))]
    for container in containers:
        for port in map(_mapping, _list(container.get("ports"))):
            number = port.get("containerPort")
            if isinstance(number, int) and wanted in {str(number), port.get("name")}:
                return str(container.get("name", "")), number
    if wanted.isascii() and wanted.isdigit() and containers:
        return str(containers[0].get("name", "")), int(wanted)
    return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []

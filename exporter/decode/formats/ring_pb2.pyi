"""Types of `ring_pb2`, by hand: what the decoders read of each message of `ring.proto`."""

from collections.abc import Mapping, Sequence

from google.protobuf.message import Message

class InstanceDesc(Message):
    addr: str
    timestamp: int
    state: int
    tokens: Sequence[bytes]
    zone: str
    registered_timestamp: int
    read_only: bool

class Desc(Message):
    ingesters: Mapping[str, InstanceDesc]

class PartitionDesc(Message):
    tokens: Sequence[bytes]
    state: int
    state_timestamp: int
    state_change_locked: bool

class OwnerDesc(Message):
    owned_partition: int
    state: int
    updated_timestamp: int

class PartitionRingDesc(Message):
    partitions: Mapping[int, PartitionDesc]
    owners: Mapping[str, OwnerDesc]

class ReplicaDesc(Message):
    replica: str
    received_at: int
    deleted_at: int
    elected_at: int
    elected_changes: int

import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from sockwright.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Clock(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CLOCK_UNSPECIFIED: _ClassVar[Clock]
    CLOCK_VIRTUAL: _ClassVar[Clock]
    CLOCK_MANUAL: _ClassVar[Clock]
    CLOCK_REAL: _ClassVar[Clock]

class Medium(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEDIUM_UNSPECIFIED: _ClassVar[Medium]
    MEDIUM_IP: _ClassVar[Medium]
    MEDIUM_ETHERNET: _ClassVar[Medium]
CLOCK_UNSPECIFIED: Clock
CLOCK_VIRTUAL: Clock
CLOCK_MANUAL: Clock
CLOCK_REAL: Clock
MEDIUM_UNSPECIFIED: Medium
MEDIUM_IP: Medium
MEDIUM_ETHERNET: Medium

class CreateLabRequest(_message.Message):
    __slots__ = ("name", "stacks", "links", "clock", "seed", "session", "idempotency_key", "record_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STACKS_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    RECORD_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    stacks: _containers.RepeatedCompositeFieldContainer[LabStack]
    links: _containers.RepeatedCompositeFieldContainer[LabLink]
    clock: Clock
    seed: int
    session: str
    idempotency_key: str
    record_bytes: int
    def __init__(self, name: _Optional[str] = ..., stacks: _Optional[_Iterable[_Union[LabStack, _Mapping]]] = ..., links: _Optional[_Iterable[_Union[LabLink, _Mapping]]] = ..., clock: _Optional[_Union[Clock, str]] = ..., seed: _Optional[int] = ..., session: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., record_bytes: _Optional[int] = ...) -> None: ...

class LabStack(_message.Message):
    __slots__ = ("name", "addresses", "routes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    addresses: _containers.RepeatedScalarFieldContainer[str]
    routes: _containers.RepeatedCompositeFieldContainer[Route]
    def __init__(self, name: _Optional[str] = ..., addresses: _Optional[_Iterable[str]] = ..., routes: _Optional[_Iterable[_Union[Route, _Mapping]]] = ...) -> None: ...

class LabLink(_message.Message):
    __slots__ = ("name", "stacks", "impairments", "mtu", "medium", "macs", "segmentation_offload")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STACKS_FIELD_NUMBER: _ClassVar[int]
    IMPAIRMENTS_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    MEDIUM_FIELD_NUMBER: _ClassVar[int]
    MACS_FIELD_NUMBER: _ClassVar[int]
    SEGMENTATION_OFFLOAD_FIELD_NUMBER: _ClassVar[int]
    name: str
    stacks: _containers.RepeatedScalarFieldContainer[str]
    impairments: Impairments
    mtu: int
    medium: Medium
    macs: _containers.RepeatedScalarFieldContainer[str]
    segmentation_offload: bool
    def __init__(self, name: _Optional[str] = ..., stacks: _Optional[_Iterable[str]] = ..., impairments: _Optional[_Union[Impairments, _Mapping]] = ..., mtu: _Optional[int] = ..., medium: _Optional[_Union[Medium, str]] = ..., macs: _Optional[_Iterable[str]] = ..., segmentation_offload: bool = ...) -> None: ...

class Impairments(_message.Message):
    __slots__ = ("loss", "delay", "jitter", "reorder", "reorder_by", "duplicate", "corrupt", "rate_bps", "queue_limit", "mark", "bursts")
    LOSS_FIELD_NUMBER: _ClassVar[int]
    DELAY_FIELD_NUMBER: _ClassVar[int]
    JITTER_FIELD_NUMBER: _ClassVar[int]
    REORDER_FIELD_NUMBER: _ClassVar[int]
    REORDER_BY_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    CORRUPT_FIELD_NUMBER: _ClassVar[int]
    RATE_BPS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    BURSTS_FIELD_NUMBER: _ClassVar[int]
    loss: float
    delay: _duration_pb2.Duration
    jitter: _duration_pb2.Duration
    reorder: float
    reorder_by: _duration_pb2.Duration
    duplicate: float
    corrupt: float
    rate_bps: int
    queue_limit: int
    mark: float
    bursts: Bursts
    def __init__(self, loss: _Optional[float] = ..., delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., jitter: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., reorder: _Optional[float] = ..., reorder_by: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., duplicate: _Optional[float] = ..., corrupt: _Optional[float] = ..., rate_bps: _Optional[int] = ..., queue_limit: _Optional[int] = ..., mark: _Optional[float] = ..., bursts: _Optional[_Union[Bursts, _Mapping]] = ...) -> None: ...

class Bursts(_message.Message):
    __slots__ = ("begin", "end", "loss")
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    begin: float
    end: float
    loss: float
    def __init__(self, begin: _Optional[float] = ..., end: _Optional[float] = ..., loss: _Optional[float] = ...) -> None: ...

class Lab(_message.Message):
    __slots__ = ("name", "stacks", "links", "clock", "seed", "session", "time_ns", "record_bytes", "speed")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STACKS_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    TIME_NS_FIELD_NUMBER: _ClassVar[int]
    RECORD_BYTES_FIELD_NUMBER: _ClassVar[int]
    SPEED_FIELD_NUMBER: _ClassVar[int]
    name: str
    stacks: _containers.RepeatedScalarFieldContainer[str]
    links: _containers.RepeatedCompositeFieldContainer[LabLink]
    clock: Clock
    seed: int
    session: str
    time_ns: int
    record_bytes: int
    speed: float
    def __init__(self, name: _Optional[str] = ..., stacks: _Optional[_Iterable[str]] = ..., links: _Optional[_Iterable[_Union[LabLink, _Mapping]]] = ..., clock: _Optional[_Union[Clock, str]] = ..., seed: _Optional[int] = ..., session: _Optional[str] = ..., time_ns: _Optional[int] = ..., record_bytes: _Optional[int] = ..., speed: _Optional[float] = ...) -> None: ...

class CreateLabResponse(_message.Message):
    __slots__ = ("lab", "at")
    LAB_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    lab: Lab
    at: _common_pb2.Position
    def __init__(self, lab: _Optional[_Union[Lab, _Mapping]] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class DeleteLabRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteLabResponse(_message.Message):
    __slots__ = ("at",)
    AT_FIELD_NUMBER: _ClassVar[int]
    at: _common_pb2.Position
    def __init__(self, at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class ListLabsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListLabsResponse(_message.Message):
    __slots__ = ("labs", "next_page_token", "at")
    LABS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    labs: _containers.RepeatedCompositeFieldContainer[Lab]
    next_page_token: str
    at: _common_pb2.Position
    def __init__(self, labs: _Optional[_Iterable[_Union[Lab, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class AttachRequest(_message.Message):
    __slots__ = ("name", "raw_ip", "af_packet", "tun", "tap", "session", "idempotency_key", "busy_poll", "record_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    RAW_IP_FIELD_NUMBER: _ClassVar[int]
    AF_PACKET_FIELD_NUMBER: _ClassVar[int]
    TUN_FIELD_NUMBER: _ClassVar[int]
    TAP_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    BUSY_POLL_FIELD_NUMBER: _ClassVar[int]
    RECORD_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    raw_ip: RawIp
    af_packet: AfPacket
    tun: Tun
    tap: Tap
    session: str
    idempotency_key: str
    busy_poll: _duration_pb2.Duration
    record_bytes: int
    def __init__(self, name: _Optional[str] = ..., raw_ip: _Optional[_Union[RawIp, _Mapping]] = ..., af_packet: _Optional[_Union[AfPacket, _Mapping]] = ..., tun: _Optional[_Union[Tun, _Mapping]] = ..., tap: _Optional[_Union[Tap, _Mapping]] = ..., session: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., busy_poll: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., record_bytes: _Optional[int] = ...) -> None: ...

class RawIp(_message.Message):
    __slots__ = ("addresses", "interface")
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    addresses: _containers.RepeatedScalarFieldContainer[str]
    interface: str
    def __init__(self, addresses: _Optional[_Iterable[str]] = ..., interface: _Optional[str] = ...) -> None: ...

class AfPacket(_message.Message):
    __slots__ = ("interface", "addresses", "mac", "vlan", "routes")
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    MAC_FIELD_NUMBER: _ClassVar[int]
    VLAN_FIELD_NUMBER: _ClassVar[int]
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    interface: str
    addresses: _containers.RepeatedScalarFieldContainer[str]
    mac: str
    vlan: int
    routes: _containers.RepeatedCompositeFieldContainer[Route]
    def __init__(self, interface: _Optional[str] = ..., addresses: _Optional[_Iterable[str]] = ..., mac: _Optional[str] = ..., vlan: _Optional[int] = ..., routes: _Optional[_Iterable[_Union[Route, _Mapping]]] = ...) -> None: ...

class Tun(_message.Message):
    __slots__ = ("interface", "addresses", "host_addresses", "mtu", "no_offload")
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    HOST_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    NO_OFFLOAD_FIELD_NUMBER: _ClassVar[int]
    interface: str
    addresses: _containers.RepeatedScalarFieldContainer[str]
    host_addresses: _containers.RepeatedScalarFieldContainer[str]
    mtu: int
    no_offload: bool
    def __init__(self, interface: _Optional[str] = ..., addresses: _Optional[_Iterable[str]] = ..., host_addresses: _Optional[_Iterable[str]] = ..., mtu: _Optional[int] = ..., no_offload: bool = ...) -> None: ...

class Tap(_message.Message):
    __slots__ = ("interface", "addresses", "host_addresses", "mtu", "no_offload", "mac", "vlan", "routes")
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    HOST_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    NO_OFFLOAD_FIELD_NUMBER: _ClassVar[int]
    MAC_FIELD_NUMBER: _ClassVar[int]
    VLAN_FIELD_NUMBER: _ClassVar[int]
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    interface: str
    addresses: _containers.RepeatedScalarFieldContainer[str]
    host_addresses: _containers.RepeatedScalarFieldContainer[str]
    mtu: int
    no_offload: bool
    mac: str
    vlan: int
    routes: _containers.RepeatedCompositeFieldContainer[Route]
    def __init__(self, interface: _Optional[str] = ..., addresses: _Optional[_Iterable[str]] = ..., host_addresses: _Optional[_Iterable[str]] = ..., mtu: _Optional[int] = ..., no_offload: bool = ..., mac: _Optional[str] = ..., vlan: _Optional[int] = ..., routes: _Optional[_Iterable[_Union[Route, _Mapping]]] = ...) -> None: ...

class Route(_message.Message):
    __slots__ = ("destination", "gateway")
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    destination: str
    gateway: str
    def __init__(self, destination: _Optional[str] = ..., gateway: _Optional[str] = ...) -> None: ...

class Stack(_message.Message):
    __slots__ = ("name", "addresses", "link", "mtu", "session", "time_ns", "sockets", "limits_hit", "drops", "counters", "routes", "macs", "interface", "frames_lost", "record_bytes", "retransmissions")
    class LimitsHitEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class DropsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class FramesLostEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class RetransmissionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    TIME_NS_FIELD_NUMBER: _ClassVar[int]
    SOCKETS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_HIT_FIELD_NUMBER: _ClassVar[int]
    DROPS_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    MACS_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    FRAMES_LOST_FIELD_NUMBER: _ClassVar[int]
    RECORD_BYTES_FIELD_NUMBER: _ClassVar[int]
    RETRANSMISSIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    addresses: _containers.RepeatedScalarFieldContainer[str]
    link: str
    mtu: int
    session: str
    time_ns: int
    sockets: int
    limits_hit: _containers.ScalarMap[str, int]
    drops: _containers.ScalarMap[str, int]
    counters: StackCounters
    routes: _containers.RepeatedCompositeFieldContainer[Route]
    macs: _containers.RepeatedScalarFieldContainer[str]
    interface: str
    frames_lost: _containers.ScalarMap[str, int]
    record_bytes: int
    retransmissions: _containers.ScalarMap[str, int]
    def __init__(self, name: _Optional[str] = ..., addresses: _Optional[_Iterable[str]] = ..., link: _Optional[str] = ..., mtu: _Optional[int] = ..., session: _Optional[str] = ..., time_ns: _Optional[int] = ..., sockets: _Optional[int] = ..., limits_hit: _Optional[_Mapping[str, int]] = ..., drops: _Optional[_Mapping[str, int]] = ..., counters: _Optional[_Union[StackCounters, _Mapping]] = ..., routes: _Optional[_Iterable[_Union[Route, _Mapping]]] = ..., macs: _Optional[_Iterable[str]] = ..., interface: _Optional[str] = ..., frames_lost: _Optional[_Mapping[str, int]] = ..., record_bytes: _Optional[int] = ..., retransmissions: _Optional[_Mapping[str, int]] = ...) -> None: ...

class StackCounters(_message.Message):
    __slots__ = ("frames_in", "frames_out", "cookies_sent", "cookies_accepted", "cookies_refused", "acks_withheld", "window_scales_lowered", "sack_blocks_ignored", "invariants_broken", "segments_in", "segments_out", "bytes_sent", "bytes_received")
    FRAMES_IN_FIELD_NUMBER: _ClassVar[int]
    FRAMES_OUT_FIELD_NUMBER: _ClassVar[int]
    COOKIES_SENT_FIELD_NUMBER: _ClassVar[int]
    COOKIES_ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    COOKIES_REFUSED_FIELD_NUMBER: _ClassVar[int]
    ACKS_WITHHELD_FIELD_NUMBER: _ClassVar[int]
    WINDOW_SCALES_LOWERED_FIELD_NUMBER: _ClassVar[int]
    SACK_BLOCKS_IGNORED_FIELD_NUMBER: _ClassVar[int]
    INVARIANTS_BROKEN_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_IN_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_OUT_FIELD_NUMBER: _ClassVar[int]
    BYTES_SENT_FIELD_NUMBER: _ClassVar[int]
    BYTES_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    frames_in: int
    frames_out: int
    cookies_sent: int
    cookies_accepted: int
    cookies_refused: int
    acks_withheld: int
    window_scales_lowered: int
    sack_blocks_ignored: int
    invariants_broken: int
    segments_in: int
    segments_out: int
    bytes_sent: int
    bytes_received: int
    def __init__(self, frames_in: _Optional[int] = ..., frames_out: _Optional[int] = ..., cookies_sent: _Optional[int] = ..., cookies_accepted: _Optional[int] = ..., cookies_refused: _Optional[int] = ..., acks_withheld: _Optional[int] = ..., window_scales_lowered: _Optional[int] = ..., sack_blocks_ignored: _Optional[int] = ..., invariants_broken: _Optional[int] = ..., segments_in: _Optional[int] = ..., segments_out: _Optional[int] = ..., bytes_sent: _Optional[int] = ..., bytes_received: _Optional[int] = ...) -> None: ...

class AttachResponse(_message.Message):
    __slots__ = ("stack", "at")
    STACK_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    stack: Stack
    at: _common_pb2.Position
    def __init__(self, stack: _Optional[_Union[Stack, _Mapping]] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class DetachRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DetachResponse(_message.Message):
    __slots__ = ("at",)
    AT_FIELD_NUMBER: _ClassVar[int]
    at: _common_pb2.Position
    def __init__(self, at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class ListStacksRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListStacksResponse(_message.Message):
    __slots__ = ("stacks", "next_page_token", "at")
    STACKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    stacks: _containers.RepeatedCompositeFieldContainer[Stack]
    next_page_token: str
    at: _common_pb2.Position
    def __init__(self, stacks: _Optional[_Iterable[_Union[Stack, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class AdvanceTimeRequest(_message.Message):
    __slots__ = ("lab", "by", "to_time_ns", "steps", "until_idle")
    LAB_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    TO_TIME_NS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_IDLE_FIELD_NUMBER: _ClassVar[int]
    lab: str
    by: _duration_pb2.Duration
    to_time_ns: int
    steps: int
    until_idle: bool
    def __init__(self, lab: _Optional[str] = ..., by: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., to_time_ns: _Optional[int] = ..., steps: _Optional[int] = ..., until_idle: bool = ...) -> None: ...

class AdvanceTimeResponse(_message.Message):
    __slots__ = ("time_ns", "steps", "at")
    TIME_NS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    time_ns: int
    steps: int
    at: _common_pb2.Position
    def __init__(self, time_ns: _Optional[int] = ..., steps: _Optional[int] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class SetImpairmentsRequest(_message.Message):
    __slots__ = ("lab", "link", "impairments")
    LAB_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    IMPAIRMENTS_FIELD_NUMBER: _ClassVar[int]
    lab: str
    link: str
    impairments: Impairments
    def __init__(self, lab: _Optional[str] = ..., link: _Optional[str] = ..., impairments: _Optional[_Union[Impairments, _Mapping]] = ...) -> None: ...

class SetImpairmentsResponse(_message.Message):
    __slots__ = ("link", "at")
    LINK_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    link: LabLink
    at: _common_pb2.Position
    def __init__(self, link: _Optional[_Union[LabLink, _Mapping]] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class SetClockRequest(_message.Message):
    __slots__ = ("lab", "clock", "speed")
    LAB_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    SPEED_FIELD_NUMBER: _ClassVar[int]
    lab: str
    clock: Clock
    speed: float
    def __init__(self, lab: _Optional[str] = ..., clock: _Optional[_Union[Clock, str]] = ..., speed: _Optional[float] = ...) -> None: ...

class SetClockResponse(_message.Message):
    __slots__ = ("time_ns", "at")
    TIME_NS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    time_ns: int
    at: _common_pb2.Position
    def __init__(self, time_ns: _Optional[int] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class RecordRequest(_message.Message):
    __slots__ = ("lab", "stack", "bytes")
    LAB_FIELD_NUMBER: _ClassVar[int]
    STACK_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    lab: str
    stack: str
    bytes: int
    def __init__(self, lab: _Optional[str] = ..., stack: _Optional[str] = ..., bytes: _Optional[int] = ...) -> None: ...

class RecordResponse(_message.Message):
    __slots__ = ("at",)
    AT_FIELD_NUMBER: _ClassVar[int]
    at: _common_pb2.Position
    def __init__(self, at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class CaptureRequest(_message.Message):
    __slots__ = ("link", "filter", "queue_bytes", "since", "no_follow")
    LINK_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    QUEUE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    NO_FOLLOW_FIELD_NUMBER: _ClassVar[int]
    link: str
    filter: _common_pb2.Filter
    queue_bytes: int
    since: Since
    no_follow: bool
    def __init__(self, link: _Optional[str] = ..., filter: _Optional[_Union[_common_pb2.Filter, _Mapping]] = ..., queue_bytes: _Optional[int] = ..., since: _Optional[_Union[Since, _Mapping]] = ..., no_follow: bool = ...) -> None: ...

class Since(_message.Message):
    __slots__ = ("age", "time_ns", "all")
    AGE_FIELD_NUMBER: _ClassVar[int]
    TIME_NS_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    age: _duration_pb2.Duration
    time_ns: int
    all: bool
    def __init__(self, age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., time_ns: _Optional[int] = ..., all: bool = ...) -> None: ...

class CaptureResponse(_message.Message):
    __slots__ = ("pcapng",)
    PCAPNG_FIELD_NUMBER: _ClassVar[int]
    pcapng: bytes
    def __init__(self, pcapng: _Optional[bytes] = ...) -> None: ...

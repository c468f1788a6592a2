import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from sockwright.v1 import common_pb2 as _common_pb2
from sockwright.v1 import sockets_pb2 as _sockets_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RequestResponsePart(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REQUEST_RESPONSE_PART_UNSPECIFIED: _ClassVar[RequestResponsePart]
    REQUEST_RESPONSE_PART_REQUEST: _ClassVar[RequestResponsePart]
    REQUEST_RESPONSE_PART_RESPOND: _ClassVar[RequestResponsePart]

class PatternPart(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PATTERN_PART_UNSPECIFIED: _ClassVar[PatternPart]
    PATTERN_PART_SEND: _ClassVar[PatternPart]
    PATTERN_PART_VERIFY: _ClassVar[PatternPart]
    PATTERN_PART_BOTH: _ClassVar[PatternPart]

class ChurnCloser(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHURN_CLOSER_UNSPECIFIED: _ClassVar[ChurnCloser]
    CHURN_CLOSER_CONNECTING: _ClassVar[ChurnCloser]
    CHURN_CLOSER_LISTENING: _ClassVar[ChurnCloser]

class TrafficEnd(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRAFFIC_END_UNSPECIFIED: _ClassVar[TrafficEnd]
    TRAFFIC_END_OCTETS: _ClassVar[TrafficEnd]
    TRAFFIC_END_CONNECTIONS: _ClassVar[TrafficEnd]
    TRAFFIC_END_EXCHANGES: _ClassVar[TrafficEnd]
    TRAFFIC_END_TIME: _ClassVar[TrafficEnd]
    TRAFFIC_END_SESSION: _ClassVar[TrafficEnd]
REQUEST_RESPONSE_PART_UNSPECIFIED: RequestResponsePart
REQUEST_RESPONSE_PART_REQUEST: RequestResponsePart
REQUEST_RESPONSE_PART_RESPOND: RequestResponsePart
PATTERN_PART_UNSPECIFIED: PatternPart
PATTERN_PART_SEND: PatternPart
PATTERN_PART_VERIFY: PatternPart
PATTERN_PART_BOTH: PatternPart
CHURN_CLOSER_UNSPECIFIED: ChurnCloser
CHURN_CLOSER_CONNECTING: ChurnCloser
CHURN_CLOSER_LISTENING: ChurnCloser
TRAFFIC_END_UNSPECIFIED: TrafficEnd
TRAFFIC_END_OCTETS: TrafficEnd
TRAFFIC_END_CONNECTIONS: TrafficEnd
TRAFFIC_END_EXCHANGES: TrafficEnd
TRAFFIC_END_TIME: TrafficEnd
TRAFFIC_END_SESSION: TrafficEnd

class RunRequest(_message.Message):
    __slots__ = ("stack", "session", "label", "options", "connecting", "listening", "source", "sink", "echo", "request_response", "pattern", "churn", "idle", "limits", "concurrency", "peer", "progress_interval")
    STACK_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    CONNECTING_FIELD_NUMBER: _ClassVar[int]
    LISTENING_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SINK_FIELD_NUMBER: _ClassVar[int]
    ECHO_FIELD_NUMBER: _ClassVar[int]
    REQUEST_RESPONSE_FIELD_NUMBER: _ClassVar[int]
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    CHURN_FIELD_NUMBER: _ClassVar[int]
    IDLE_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    stack: str
    session: str
    label: str
    options: _sockets_pb2.SocketOptions
    connecting: ConnectingSide
    listening: ListeningSide
    source: TrafficSource
    sink: TrafficSink
    echo: TrafficEcho
    request_response: TrafficRequestResponse
    pattern: TrafficPattern
    churn: TrafficChurn
    idle: TrafficIdle
    limits: TrafficLimits
    concurrency: int
    peer: TrafficPeer
    progress_interval: _duration_pb2.Duration
    def __init__(self, stack: _Optional[str] = ..., session: _Optional[str] = ..., label: _Optional[str] = ..., options: _Optional[_Union[_sockets_pb2.SocketOptions, _Mapping]] = ..., connecting: _Optional[_Union[ConnectingSide, _Mapping]] = ..., listening: _Optional[_Union[ListeningSide, _Mapping]] = ..., source: _Optional[_Union[TrafficSource, _Mapping]] = ..., sink: _Optional[_Union[TrafficSink, _Mapping]] = ..., echo: _Optional[_Union[TrafficEcho, _Mapping]] = ..., request_response: _Optional[_Union[TrafficRequestResponse, _Mapping]] = ..., pattern: _Optional[_Union[TrafficPattern, _Mapping]] = ..., churn: _Optional[_Union[TrafficChurn, _Mapping]] = ..., idle: _Optional[_Union[TrafficIdle, _Mapping]] = ..., limits: _Optional[_Union[TrafficLimits, _Mapping]] = ..., concurrency: _Optional[int] = ..., peer: _Optional[_Union[TrafficPeer, _Mapping]] = ..., progress_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ConnectingSide(_message.Message):
    __slots__ = ("remotes", "connections_per_second")
    REMOTES_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    remotes: _containers.RepeatedCompositeFieldContainer[_common_pb2.SocketAddress]
    connections_per_second: float
    def __init__(self, remotes: _Optional[_Iterable[_Union[_common_pb2.SocketAddress, _Mapping]]] = ..., connections_per_second: _Optional[float] = ...) -> None: ...

class ListeningSide(_message.Message):
    __slots__ = ("local", "backlog")
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    BACKLOG_FIELD_NUMBER: _ClassVar[int]
    local: _common_pb2.SocketAddress
    backlog: int
    def __init__(self, local: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., backlog: _Optional[int] = ...) -> None: ...

class TrafficSource(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TrafficSink(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TrafficEcho(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TrafficRequestResponse(_message.Message):
    __slots__ = ("request_bytes", "response_bytes", "part")
    REQUEST_BYTES_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_BYTES_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    request_bytes: int
    response_bytes: int
    part: RequestResponsePart
    def __init__(self, request_bytes: _Optional[int] = ..., response_bytes: _Optional[int] = ..., part: _Optional[_Union[RequestResponsePart, str]] = ...) -> None: ...

class TrafficPattern(_message.Message):
    __slots__ = ("seed", "part")
    SEED_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    seed: int
    part: PatternPart
    def __init__(self, seed: _Optional[int] = ..., part: _Optional[_Union[PatternPart, str]] = ...) -> None: ...

class TrafficChurn(_message.Message):
    __slots__ = ("request_bytes", "response_bytes", "closes_first", "reset")
    REQUEST_BYTES_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CLOSES_FIRST_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    request_bytes: int
    response_bytes: int
    closes_first: ChurnCloser
    reset: bool
    def __init__(self, request_bytes: _Optional[int] = ..., response_bytes: _Optional[int] = ..., closes_first: _Optional[_Union[ChurnCloser, str]] = ..., reset: bool = ...) -> None: ...

class TrafficIdle(_message.Message):
    __slots__ = ("interval",)
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    interval: _duration_pb2.Duration
    def __init__(self, interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class TrafficLimits(_message.Message):
    __slots__ = ("octets", "connections", "exchanges", "time")
    OCTETS_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    EXCHANGES_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    octets: int
    connections: int
    exchanges: int
    time: _duration_pb2.Duration
    def __init__(self, octets: _Optional[int] = ..., connections: _Optional[int] = ..., exchanges: _Optional[int] = ..., time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class TrafficPeer(_message.Message):
    __slots__ = ("stack", "options")
    STACK_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    stack: str
    options: _sockets_pb2.SocketOptions
    def __init__(self, stack: _Optional[str] = ..., options: _Optional[_Union[_sockets_pb2.SocketOptions, _Mapping]] = ...) -> None: ...

class RunResponse(_message.Message):
    __slots__ = ("started", "progress", "report", "at")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    started: TrafficStarted
    progress: TrafficProgress
    report: TrafficReport
    at: _common_pb2.Position
    def __init__(self, started: _Optional[_Union[TrafficStarted, _Mapping]] = ..., progress: _Optional[_Union[TrafficProgress, _Mapping]] = ..., report: _Optional[_Union[TrafficReport, _Mapping]] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class TrafficStarted(_message.Message):
    __slots__ = ("local", "time_ns")
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    TIME_NS_FIELD_NUMBER: _ClassVar[int]
    local: _common_pb2.SocketAddress
    time_ns: int
    def __init__(self, local: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., time_ns: _Optional[int] = ...) -> None: ...

class TrafficProgress(_message.Message):
    __slots__ = ("figures", "peer")
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    figures: TrafficFigures
    peer: TrafficFigures
    def __init__(self, figures: _Optional[_Union[TrafficFigures, _Mapping]] = ..., peer: _Optional[_Union[TrafficFigures, _Mapping]] = ...) -> None: ...

class TrafficReport(_message.Message):
    __slots__ = ("figures", "peer", "ended_by")
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    ENDED_BY_FIELD_NUMBER: _ClassVar[int]
    figures: TrafficFigures
    peer: TrafficFigures
    ended_by: TrafficEnd
    def __init__(self, figures: _Optional[_Union[TrafficFigures, _Mapping]] = ..., peer: _Optional[_Union[TrafficFigures, _Mapping]] = ..., ended_by: _Optional[_Union[TrafficEnd, str]] = ...) -> None: ...

class TrafficFigures(_message.Message):
    __slots__ = ("time_ns", "elapsed", "active", "opened", "established", "closed", "failed", "open", "octets_sent", "octets_received", "sent_bps", "received_bps", "retransmissions", "exchanges", "connect_time", "response_time", "pattern")
    class FailedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    TIME_NS_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    ESTABLISHED_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    OCTETS_SENT_FIELD_NUMBER: _ClassVar[int]
    OCTETS_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    SENT_BPS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_BPS_FIELD_NUMBER: _ClassVar[int]
    RETRANSMISSIONS_FIELD_NUMBER: _ClassVar[int]
    EXCHANGES_FIELD_NUMBER: _ClassVar[int]
    CONNECT_TIME_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_TIME_FIELD_NUMBER: _ClassVar[int]
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    time_ns: int
    elapsed: _duration_pb2.Duration
    active: _duration_pb2.Duration
    opened: int
    established: int
    closed: int
    failed: _containers.ScalarMap[str, int]
    open: int
    octets_sent: int
    octets_received: int
    sent_bps: int
    received_bps: int
    retransmissions: int
    exchanges: int
    connect_time: Latency
    response_time: Latency
    pattern: PatternFigures
    def __init__(self, time_ns: _Optional[int] = ..., elapsed: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., active: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., opened: _Optional[int] = ..., established: _Optional[int] = ..., closed: _Optional[int] = ..., failed: _Optional[_Mapping[str, int]] = ..., open: _Optional[int] = ..., octets_sent: _Optional[int] = ..., octets_received: _Optional[int] = ..., sent_bps: _Optional[int] = ..., received_bps: _Optional[int] = ..., retransmissions: _Optional[int] = ..., exchanges: _Optional[int] = ..., connect_time: _Optional[_Union[Latency, _Mapping]] = ..., response_time: _Optional[_Union[Latency, _Mapping]] = ..., pattern: _Optional[_Union[PatternFigures, _Mapping]] = ...) -> None: ...

class Latency(_message.Message):
    __slots__ = ("count", "p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    P50_NS_FIELD_NUMBER: _ClassVar[int]
    P90_NS_FIELD_NUMBER: _ClassVar[int]
    P99_NS_FIELD_NUMBER: _ClassVar[int]
    P999_NS_FIELD_NUMBER: _ClassVar[int]
    MAX_NS_FIELD_NUMBER: _ClassVar[int]
    count: int
    p50_ns: int
    p90_ns: int
    p99_ns: int
    p999_ns: int
    max_ns: int
    def __init__(self, count: _Optional[int] = ..., p50_ns: _Optional[int] = ..., p90_ns: _Optional[int] = ..., p99_ns: _Optional[int] = ..., p999_ns: _Optional[int] = ..., max_ns: _Optional[int] = ...) -> None: ...

class PatternFigures(_message.Message):
    __slots__ = ("verified", "mismatches", "first")
    VERIFIED_FIELD_NUMBER: _ClassVar[int]
    MISMATCHES_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    verified: int
    mismatches: int
    first: PatternMismatch
    def __init__(self, verified: _Optional[int] = ..., mismatches: _Optional[int] = ..., first: _Optional[_Union[PatternMismatch, _Mapping]] = ...) -> None: ...

class PatternMismatch(_message.Message):
    __slots__ = ("socket", "offset", "expected", "found")
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    socket: int
    offset: int
    expected: int
    found: int
    def __init__(self, socket: _Optional[int] = ..., offset: _Optional[int] = ..., expected: _Optional[int] = ..., found: _Optional[int] = ...) -> None: ...

import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from sockwright.v1 import common_pb2 as _common_pb2
from sockwright.v1 import events_pb2 as _events_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Ecn(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ECN_UNSPECIFIED: _ClassVar[Ecn]
    ECN_OFF: _ClassVar[Ecn]
    ECN_PASSIVE: _ClassVar[Ecn]
    ECN_ACTIVE: _ClassVar[Ecn]

class LossDetection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOSS_DETECTION_UNSPECIFIED: _ClassVar[LossDetection]
    LOSS_DETECTION_RACK: _ClassVar[LossDetection]
    LOSS_DETECTION_DUPLICATE_ACKS: _ClassVar[LossDetection]

class PathMtuDiscovery(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PATH_MTU_DISCOVERY_UNSPECIFIED: _ClassVar[PathMtuDiscovery]
    PATH_MTU_DISCOVERY_OFF: _ClassVar[PathMtuDiscovery]
    PATH_MTU_DISCOVERY_ICMP: _ClassVar[PathMtuDiscovery]
    PATH_MTU_DISCOVERY_PROBE: _ClassVar[PathMtuDiscovery]

class SynCookies(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SYN_COOKIES_UNSPECIFIED: _ClassVar[SynCookies]
    SYN_COOKIES_OFF: _ClassVar[SynCookies]
    SYN_COOKIES_WHEN_FULL: _ClassVar[SynCookies]
    SYN_COOKIES_ALWAYS: _ClassVar[SynCookies]

class CongestionControl(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONGESTION_CONTROL_UNSPECIFIED: _ClassVar[CongestionControl]
    CONGESTION_CONTROL_NEW_RENO: _ClassVar[CongestionControl]
    CONGESTION_CONTROL_CUBIC: _ClassVar[CongestionControl]
    CONGESTION_CONTROL_BBR: _ClassVar[CongestionControl]

class ShutdownHow(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SHUTDOWN_HOW_UNSPECIFIED: _ClassVar[ShutdownHow]
    SHUTDOWN_HOW_READ: _ClassVar[ShutdownHow]
    SHUTDOWN_HOW_WRITE: _ClassVar[ShutdownHow]
    SHUTDOWN_HOW_BOTH: _ClassVar[ShutdownHow]

class FastOpenFailure(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAST_OPEN_FAILURE_UNSPECIFIED: _ClassVar[FastOpenFailure]
    FAST_OPEN_FAILURE_COOKIE_UNAVAILABLE: _ClassVar[FastOpenFailure]
    FAST_OPEN_FAILURE_DATA_NOT_ACKED: _ClassVar[FastOpenFailure]
    FAST_OPEN_FAILURE_SYN_RETRANSMITTED: _ClassVar[FastOpenFailure]

class RecoveryTimer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECOVERY_TIMER_UNSPECIFIED: _ClassVar[RecoveryTimer]
    RECOVERY_TIMER_TIMEOUT: _ClassVar[RecoveryTimer]
    RECOVERY_TIMER_LOSS_PROBE: _ClassVar[RecoveryTimer]
    RECOVERY_TIMER_REORDERING: _ClassVar[RecoveryTimer]
ECN_UNSPECIFIED: Ecn
ECN_OFF: Ecn
ECN_PASSIVE: Ecn
ECN_ACTIVE: Ecn
LOSS_DETECTION_UNSPECIFIED: LossDetection
LOSS_DETECTION_RACK: LossDetection
LOSS_DETECTION_DUPLICATE_ACKS: LossDetection
PATH_MTU_DISCOVERY_UNSPECIFIED: PathMtuDiscovery
PATH_MTU_DISCOVERY_OFF: PathMtuDiscovery
PATH_MTU_DISCOVERY_ICMP: PathMtuDiscovery
PATH_MTU_DISCOVERY_PROBE: PathMtuDiscovery
SYN_COOKIES_UNSPECIFIED: SynCookies
SYN_COOKIES_OFF: SynCookies
SYN_COOKIES_WHEN_FULL: SynCookies
SYN_COOKIES_ALWAYS: SynCookies
CONGESTION_CONTROL_UNSPECIFIED: CongestionControl
CONGESTION_CONTROL_NEW_RENO: CongestionControl
CONGESTION_CONTROL_CUBIC: CongestionControl
CONGESTION_CONTROL_BBR: CongestionControl
SHUTDOWN_HOW_UNSPECIFIED: ShutdownHow
SHUTDOWN_HOW_READ: ShutdownHow
SHUTDOWN_HOW_WRITE: ShutdownHow
SHUTDOWN_HOW_BOTH: ShutdownHow
FAST_OPEN_FAILURE_UNSPECIFIED: FastOpenFailure
FAST_OPEN_FAILURE_COOKIE_UNAVAILABLE: FastOpenFailure
FAST_OPEN_FAILURE_DATA_NOT_ACKED: FastOpenFailure
FAST_OPEN_FAILURE_SYN_RETRANSMITTED: FastOpenFailure
RECOVERY_TIMER_UNSPECIFIED: RecoveryTimer
RECOVERY_TIMER_TIMEOUT: RecoveryTimer
RECOVERY_TIMER_LOSS_PROBE: RecoveryTimer
RECOVERY_TIMER_REORDERING: RecoveryTimer

class SocketOptions(_message.Message):
    __slots__ = ("no_delay", "max_segment_size", "msl", "keep_alive", "user_timeout", "linger", "send_buffer", "receive_buffer", "delayed_ack", "rto_min", "rto_initial", "reuse_address", "congestion_control", "initial_sequence_number", "window_scaling", "timestamps", "sack", "ecn", "hystart", "pacing", "initial_window", "loss_detection", "tail_loss_probe", "fast_open", "user_timeout_option", "hop_limit", "dscp", "path_mtu_discovery", "syn_cookies", "ip_options")
    NO_DELAY_FIELD_NUMBER: _ClassVar[int]
    MAX_SEGMENT_SIZE_FIELD_NUMBER: _ClassVar[int]
    MSL_FIELD_NUMBER: _ClassVar[int]
    KEEP_ALIVE_FIELD_NUMBER: _ClassVar[int]
    USER_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    LINGER_FIELD_NUMBER: _ClassVar[int]
    SEND_BUFFER_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_BUFFER_FIELD_NUMBER: _ClassVar[int]
    DELAYED_ACK_FIELD_NUMBER: _ClassVar[int]
    RTO_MIN_FIELD_NUMBER: _ClassVar[int]
    RTO_INITIAL_FIELD_NUMBER: _ClassVar[int]
    REUSE_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CONGESTION_CONTROL_FIELD_NUMBER: _ClassVar[int]
    INITIAL_SEQUENCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    WINDOW_SCALING_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMPS_FIELD_NUMBER: _ClassVar[int]
    SACK_FIELD_NUMBER: _ClassVar[int]
    ECN_FIELD_NUMBER: _ClassVar[int]
    HYSTART_FIELD_NUMBER: _ClassVar[int]
    PACING_FIELD_NUMBER: _ClassVar[int]
    INITIAL_WINDOW_FIELD_NUMBER: _ClassVar[int]
    LOSS_DETECTION_FIELD_NUMBER: _ClassVar[int]
    TAIL_LOSS_PROBE_FIELD_NUMBER: _ClassVar[int]
    FAST_OPEN_FIELD_NUMBER: _ClassVar[int]
    USER_TIMEOUT_OPTION_FIELD_NUMBER: _ClassVar[int]
    HOP_LIMIT_FIELD_NUMBER: _ClassVar[int]
    DSCP_FIELD_NUMBER: _ClassVar[int]
    PATH_MTU_DISCOVERY_FIELD_NUMBER: _ClassVar[int]
    SYN_COOKIES_FIELD_NUMBER: _ClassVar[int]
    IP_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    no_delay: bool
    max_segment_size: int
    msl: _duration_pb2.Duration
    keep_alive: KeepAlive
    user_timeout: _duration_pb2.Duration
    linger: Linger
    send_buffer: int
    receive_buffer: int
    delayed_ack: _duration_pb2.Duration
    rto_min: _duration_pb2.Duration
    rto_initial: _duration_pb2.Duration
    reuse_address: bool
    congestion_control: CongestionControl
    initial_sequence_number: int
    window_scaling: bool
    timestamps: bool
    sack: bool
    ecn: Ecn
    hystart: bool
    pacing: bool
    initial_window: int
    loss_detection: LossDetection
    tail_loss_probe: bool
    fast_open: bool
    user_timeout_option: bool
    hop_limit: int
    dscp: int
    path_mtu_discovery: PathMtuDiscovery
    syn_cookies: SynCookies
    ip_options: IpOptions
    def __init__(self, no_delay: bool = ..., max_segment_size: _Optional[int] = ..., msl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., keep_alive: _Optional[_Union[KeepAlive, _Mapping]] = ..., user_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., linger: _Optional[_Union[Linger, _Mapping]] = ..., send_buffer: _Optional[int] = ..., receive_buffer: _Optional[int] = ..., delayed_ack: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., rto_min: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., rto_initial: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., reuse_address: bool = ..., congestion_control: _Optional[_Union[CongestionControl, str]] = ..., initial_sequence_number: _Optional[int] = ..., window_scaling: bool = ..., timestamps: bool = ..., sack: bool = ..., ecn: _Optional[_Union[Ecn, str]] = ..., hystart: bool = ..., pacing: bool = ..., initial_window: _Optional[int] = ..., loss_detection: _Optional[_Union[LossDetection, str]] = ..., tail_loss_probe: bool = ..., fast_open: bool = ..., user_timeout_option: bool = ..., hop_limit: _Optional[int] = ..., dscp: _Optional[int] = ..., path_mtu_discovery: _Optional[_Union[PathMtuDiscovery, str]] = ..., syn_cookies: _Optional[_Union[SynCookies, str]] = ..., ip_options: _Optional[_Union[IpOptions, _Mapping]] = ...) -> None: ...

class IpOptions(_message.Message):
    __slots__ = ("options",)
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    options: _containers.RepeatedCompositeFieldContainer[IpOption]
    def __init__(self, options: _Optional[_Iterable[_Union[IpOption, _Mapping]]] = ...) -> None: ...

class IpOption(_message.Message):
    __slots__ = ("record_route", "router_alert", "raw")
    RECORD_ROUTE_FIELD_NUMBER: _ClassVar[int]
    ROUTER_ALERT_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    record_route: int
    router_alert: int
    raw: bytes
    def __init__(self, record_route: _Optional[int] = ..., router_alert: _Optional[int] = ..., raw: _Optional[bytes] = ...) -> None: ...

class KeepAlive(_message.Message):
    __slots__ = ("enabled", "idle", "interval", "probes")
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    IDLE_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    PROBES_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    idle: _duration_pb2.Duration
    interval: _duration_pb2.Duration
    probes: int
    def __init__(self, enabled: bool = ..., idle: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., probes: _Optional[int] = ...) -> None: ...

class Linger(_message.Message):
    __slots__ = ("enabled", "time")
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    time: _duration_pb2.Duration
    def __init__(self, enabled: bool = ..., time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class CreateRequest(_message.Message):
    __slots__ = ("stack", "kind", "family", "label", "session", "options", "idempotency_key")
    STACK_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    stack: str
    kind: _common_pb2.SocketKind
    family: _common_pb2.AddressFamily
    label: str
    session: str
    options: SocketOptions
    idempotency_key: str
    def __init__(self, stack: _Optional[str] = ..., kind: _Optional[_Union[_common_pb2.SocketKind, str]] = ..., family: _Optional[_Union[_common_pb2.AddressFamily, str]] = ..., label: _Optional[str] = ..., session: _Optional[str] = ..., options: _Optional[_Union[SocketOptions, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class CreateResponse(_message.Message):
    __slots__ = ("socket", "at")
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    socket: int
    at: _common_pb2.Position
    def __init__(self, socket: _Optional[int] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class BindRequest(_message.Message):
    __slots__ = ("socket", "local")
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    socket: int
    local: _common_pb2.SocketAddress
    def __init__(self, socket: _Optional[int] = ..., local: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ...) -> None: ...

class BindResponse(_message.Message):
    __slots__ = ("local", "at")
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    local: _common_pb2.SocketAddress
    at: _common_pb2.Position
    def __init__(self, local: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class ListenRequest(_message.Message):
    __slots__ = ("socket", "backlog")
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    BACKLOG_FIELD_NUMBER: _ClassVar[int]
    socket: int
    backlog: int
    def __init__(self, socket: _Optional[int] = ..., backlog: _Optional[int] = ...) -> None: ...

class ListenResponse(_message.Message):
    __slots__ = ("local", "at")
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    local: _common_pb2.SocketAddress
    at: _common_pb2.Position
    def __init__(self, local: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class AcceptRequest(_message.Message):
    __slots__ = ("socket", "dont_wait", "idempotency_key")
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    DONT_WAIT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    socket: int
    dont_wait: bool
    idempotency_key: str
    def __init__(self, socket: _Optional[int] = ..., dont_wait: bool = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class AcceptResponse(_message.Message):
    __slots__ = ("socket", "local", "remote", "at")
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    socket: int
    local: _common_pb2.SocketAddress
    remote: _common_pb2.SocketAddress
    at: _common_pb2.Position
    def __init__(self, socket: _Optional[int] = ..., local: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., remote: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class ConnectRequest(_message.Message):
    __slots__ = ("socket", "remote", "dont_wait", "data")
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    DONT_WAIT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    socket: int
    remote: _common_pb2.SocketAddress
    dont_wait: bool
    data: bytes
    def __init__(self, socket: _Optional[int] = ..., remote: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., dont_wait: bool = ..., data: _Optional[bytes] = ...) -> None: ...

class ConnectResponse(_message.Message):
    __slots__ = ("local", "remote", "at")
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    local: _common_pb2.SocketAddress
    remote: _common_pb2.SocketAddress
    at: _common_pb2.Position
    def __init__(self, local: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., remote: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class SendRequest(_message.Message):
    __slots__ = ("socket", "data", "dont_wait", "urgent")
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    DONT_WAIT_FIELD_NUMBER: _ClassVar[int]
    URGENT_FIELD_NUMBER: _ClassVar[int]
    socket: int
    data: bytes
    dont_wait: bool
    urgent: bool
    def __init__(self, socket: _Optional[int] = ..., data: _Optional[bytes] = ..., dont_wait: bool = ..., urgent: bool = ...) -> None: ...

class SendResponse(_message.Message):
    __slots__ = ("accepted", "at")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    accepted: int
    at: _common_pb2.Position
    def __init__(self, accepted: _Optional[int] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class RecvRequest(_message.Message):
    __slots__ = ("socket", "max_bytes", "min_bytes", "peek", "dont_wait")
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    MIN_BYTES_FIELD_NUMBER: _ClassVar[int]
    PEEK_FIELD_NUMBER: _ClassVar[int]
    DONT_WAIT_FIELD_NUMBER: _ClassVar[int]
    socket: int
    max_bytes: int
    min_bytes: int
    peek: bool
    dont_wait: bool
    def __init__(self, socket: _Optional[int] = ..., max_bytes: _Optional[int] = ..., min_bytes: _Optional[int] = ..., peek: bool = ..., dont_wait: bool = ...) -> None: ...

class RecvResponse(_message.Message):
    __slots__ = ("data", "end_of_stream", "at", "urgent")
    DATA_FIELD_NUMBER: _ClassVar[int]
    END_OF_STREAM_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    URGENT_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    end_of_stream: bool
    at: _common_pb2.Position
    urgent: int
    def __init__(self, data: _Optional[bytes] = ..., end_of_stream: bool = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ..., urgent: _Optional[int] = ...) -> None: ...

class SendToRequest(_message.Message):
    __slots__ = ("socket", "remote", "data")
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    socket: int
    remote: _common_pb2.SocketAddress
    data: bytes
    def __init__(self, socket: _Optional[int] = ..., remote: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class SendToResponse(_message.Message):
    __slots__ = ("local", "at")
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    local: _common_pb2.SocketAddress
    at: _common_pb2.Position
    def __init__(self, local: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class RecvFromRequest(_message.Message):
    __slots__ = ("socket", "max_bytes", "peek", "dont_wait")
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    PEEK_FIELD_NUMBER: _ClassVar[int]
    DONT_WAIT_FIELD_NUMBER: _ClassVar[int]
    socket: int
    max_bytes: int
    peek: bool
    dont_wait: bool
    def __init__(self, socket: _Optional[int] = ..., max_bytes: _Optional[int] = ..., peek: bool = ..., dont_wait: bool = ...) -> None: ...

class RecvFromResponse(_message.Message):
    __slots__ = ("data", "remote", "local", "truncated", "at")
    DATA_FIELD_NUMBER: _ClassVar[int]
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    remote: _common_pb2.SocketAddress
    local: _common_pb2.SocketAddress
    truncated: bool
    at: _common_pb2.Position
    def __init__(self, data: _Optional[bytes] = ..., remote: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., local: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., truncated: bool = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class ShutdownRequest(_message.Message):
    __slots__ = ("socket", "how")
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    HOW_FIELD_NUMBER: _ClassVar[int]
    socket: int
    how: ShutdownHow
    def __init__(self, socket: _Optional[int] = ..., how: _Optional[_Union[ShutdownHow, str]] = ...) -> None: ...

class ShutdownResponse(_message.Message):
    __slots__ = ("tcp_state", "at")
    TCP_STATE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    tcp_state: _common_pb2.TcpState
    at: _common_pb2.Position
    def __init__(self, tcp_state: _Optional[_Union[_common_pb2.TcpState, str]] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class CloseRequest(_message.Message):
    __slots__ = ("socket",)
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    socket: int
    def __init__(self, socket: _Optional[int] = ...) -> None: ...

class CloseResponse(_message.Message):
    __slots__ = ("tcp_state", "at")
    TCP_STATE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    tcp_state: _common_pb2.TcpState
    at: _common_pb2.Position
    def __init__(self, tcp_state: _Optional[_Union[_common_pb2.TcpState, str]] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class AbortRequest(_message.Message):
    __slots__ = ("socket",)
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    socket: int
    def __init__(self, socket: _Optional[int] = ...) -> None: ...

class AbortResponse(_message.Message):
    __slots__ = ("at",)
    AT_FIELD_NUMBER: _ClassVar[int]
    at: _common_pb2.Position
    def __init__(self, at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class SetOptionsRequest(_message.Message):
    __slots__ = ("socket", "options")
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    socket: int
    options: SocketOptions
    def __init__(self, socket: _Optional[int] = ..., options: _Optional[_Union[SocketOptions, _Mapping]] = ...) -> None: ...

class SetOptionsResponse(_message.Message):
    __slots__ = ("at",)
    AT_FIELD_NUMBER: _ClassVar[int]
    at: _common_pb2.Position
    def __init__(self, at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class GetOptionsRequest(_message.Message):
    __slots__ = ("socket",)
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    socket: int
    def __init__(self, socket: _Optional[int] = ...) -> None: ...

class GetOptionsResponse(_message.Message):
    __slots__ = ("options", "at")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    options: SocketOptions
    at: _common_pb2.Position
    def __init__(self, options: _Optional[_Union[SocketOptions, _Mapping]] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class GetInfoRequest(_message.Message):
    __slots__ = ("socket",)
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    socket: int
    def __init__(self, socket: _Optional[int] = ...) -> None: ...

class GetInfoResponse(_message.Message):
    __slots__ = ("summary", "error", "tcp", "listener", "datagram", "time_ns", "at")
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    TCP_FIELD_NUMBER: _ClassVar[int]
    LISTENER_FIELD_NUMBER: _ClassVar[int]
    DATAGRAM_FIELD_NUMBER: _ClassVar[int]
    TIME_NS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    summary: _common_pb2.SocketSummary
    error: _common_pb2.SocketError
    tcp: TcpInfo
    listener: ListenerInfo
    datagram: DatagramInfo
    time_ns: int
    at: _common_pb2.Position
    def __init__(self, summary: _Optional[_Union[_common_pb2.SocketSummary, _Mapping]] = ..., error: _Optional[_Union[_common_pb2.SocketError, _Mapping]] = ..., tcp: _Optional[_Union[TcpInfo, _Mapping]] = ..., listener: _Optional[_Union[ListenerInfo, _Mapping]] = ..., datagram: _Optional[_Union[DatagramInfo, _Mapping]] = ..., time_ns: _Optional[int] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class TcpInfo(_message.Message):
    __slots__ = ("iss", "snd_una", "snd_nxt", "snd_wnd", "irs", "rcv_nxt", "rcv_wnd", "snd_mss", "rcv_mss", "send_queue", "receive_queue", "out_of_order", "rtt_us", "rttvar_us", "rto_us", "cwnd", "ssthresh", "retransmissions", "backoff", "bytes_sent", "bytes_acked", "bytes_received", "segments_out", "segments_in", "shutdown_write", "shutdown_read", "timers", "urgent", "retransmits", "probes", "options", "snd_wscale", "rcv_wscale", "ato_us", "rcv_mss_estimate", "notsent_bytes", "last_data_sent_us", "last_ack_sent_us", "last_data_recv_us", "last_ack_recv_us", "busy_time_us", "rwnd_limited_us", "sndbuf_limited_us", "last_drop", "reassembly", "congestion_control", "congestion_phase", "pacing_rate", "data_segs_out", "data_segs_in", "bytes_retrans", "rcv_ooopack", "peer_user_timeout_us", "fast_open", "ca_state", "recovery_timer", "pipe", "unacked", "sacked", "lost", "retrans", "scoreboard", "min_rtt_us", "reordering_window_us", "reordering_seen", "delivery_rate", "delivery_rate_app_limited", "delivered", "delivered_ce", "dsack_dups", "total_rto", "total_rto_recoveries", "total_rto_time_us", "cubic", "bbr", "pmtu", "ecn", "fast_open_failure", "send_buffer", "receive_buffer")
    ISS_FIELD_NUMBER: _ClassVar[int]
    SND_UNA_FIELD_NUMBER: _ClassVar[int]
    SND_NXT_FIELD_NUMBER: _ClassVar[int]
    SND_WND_FIELD_NUMBER: _ClassVar[int]
    IRS_FIELD_NUMBER: _ClassVar[int]
    RCV_NXT_FIELD_NUMBER: _ClassVar[int]
    RCV_WND_FIELD_NUMBER: _ClassVar[int]
    SND_MSS_FIELD_NUMBER: _ClassVar[int]
    RCV_MSS_FIELD_NUMBER: _ClassVar[int]
    SEND_QUEUE_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_QUEUE_FIELD_NUMBER: _ClassVar[int]
    OUT_OF_ORDER_FIELD_NUMBER: _ClassVar[int]
    RTT_US_FIELD_NUMBER: _ClassVar[int]
    RTTVAR_US_FIELD_NUMBER: _ClassVar[int]
    RTO_US_FIELD_NUMBER: _ClassVar[int]
    CWND_FIELD_NUMBER: _ClassVar[int]
    SSTHRESH_FIELD_NUMBER: _ClassVar[int]
    RETRANSMISSIONS_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_FIELD_NUMBER: _ClassVar[int]
    BYTES_SENT_FIELD_NUMBER: _ClassVar[int]
    BYTES_ACKED_FIELD_NUMBER: _ClassVar[int]
    BYTES_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_OUT_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_IN_FIELD_NUMBER: _ClassVar[int]
    SHUTDOWN_WRITE_FIELD_NUMBER: _ClassVar[int]
    SHUTDOWN_READ_FIELD_NUMBER: _ClassVar[int]
    TIMERS_FIELD_NUMBER: _ClassVar[int]
    URGENT_FIELD_NUMBER: _ClassVar[int]
    RETRANSMITS_FIELD_NUMBER: _ClassVar[int]
    PROBES_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SND_WSCALE_FIELD_NUMBER: _ClassVar[int]
    RCV_WSCALE_FIELD_NUMBER: _ClassVar[int]
    ATO_US_FIELD_NUMBER: _ClassVar[int]
    RCV_MSS_ESTIMATE_FIELD_NUMBER: _ClassVar[int]
    NOTSENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    LAST_DATA_SENT_US_FIELD_NUMBER: _ClassVar[int]
    LAST_ACK_SENT_US_FIELD_NUMBER: _ClassVar[int]
    LAST_DATA_RECV_US_FIELD_NUMBER: _ClassVar[int]
    LAST_ACK_RECV_US_FIELD_NUMBER: _ClassVar[int]
    BUSY_TIME_US_FIELD_NUMBER: _ClassVar[int]
    RWND_LIMITED_US_FIELD_NUMBER: _ClassVar[int]
    SNDBUF_LIMITED_US_FIELD_NUMBER: _ClassVar[int]
    LAST_DROP_FIELD_NUMBER: _ClassVar[int]
    REASSEMBLY_FIELD_NUMBER: _ClassVar[int]
    CONGESTION_CONTROL_FIELD_NUMBER: _ClassVar[int]
    CONGESTION_PHASE_FIELD_NUMBER: _ClassVar[int]
    PACING_RATE_FIELD_NUMBER: _ClassVar[int]
    DATA_SEGS_OUT_FIELD_NUMBER: _ClassVar[int]
    DATA_SEGS_IN_FIELD_NUMBER: _ClassVar[int]
    BYTES_RETRANS_FIELD_NUMBER: _ClassVar[int]
    RCV_OOOPACK_FIELD_NUMBER: _ClassVar[int]
    PEER_USER_TIMEOUT_US_FIELD_NUMBER: _ClassVar[int]
    FAST_OPEN_FIELD_NUMBER: _ClassVar[int]
    CA_STATE_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_TIMER_FIELD_NUMBER: _ClassVar[int]
    PIPE_FIELD_NUMBER: _ClassVar[int]
    UNACKED_FIELD_NUMBER: _ClassVar[int]
    SACKED_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    RETRANS_FIELD_NUMBER: _ClassVar[int]
    SCOREBOARD_FIELD_NUMBER: _ClassVar[int]
    MIN_RTT_US_FIELD_NUMBER: _ClassVar[int]
    REORDERING_WINDOW_US_FIELD_NUMBER: _ClassVar[int]
    REORDERING_SEEN_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_RATE_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_RATE_APP_LIMITED_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_CE_FIELD_NUMBER: _ClassVar[int]
    DSACK_DUPS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_RTO_FIELD_NUMBER: _ClassVar[int]
    TOTAL_RTO_RECOVERIES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_RTO_TIME_US_FIELD_NUMBER: _ClassVar[int]
    CUBIC_FIELD_NUMBER: _ClassVar[int]
    BBR_FIELD_NUMBER: _ClassVar[int]
    PMTU_FIELD_NUMBER: _ClassVar[int]
    ECN_FIELD_NUMBER: _ClassVar[int]
    FAST_OPEN_FAILURE_FIELD_NUMBER: _ClassVar[int]
    SEND_BUFFER_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_BUFFER_FIELD_NUMBER: _ClassVar[int]
    iss: int
    snd_una: int
    snd_nxt: int
    snd_wnd: int
    irs: int
    rcv_nxt: int
    rcv_wnd: int
    snd_mss: int
    rcv_mss: int
    send_queue: int
    receive_queue: int
    out_of_order: int
    rtt_us: int
    rttvar_us: int
    rto_us: int
    cwnd: int
    ssthresh: int
    retransmissions: int
    backoff: int
    bytes_sent: int
    bytes_acked: int
    bytes_received: int
    segments_out: int
    segments_in: int
    shutdown_write: bool
    shutdown_read: bool
    timers: _containers.RepeatedCompositeFieldContainer[RunningTimer]
    urgent: int
    retransmits: int
    probes: int
    options: OptionsInUse
    snd_wscale: int
    rcv_wscale: int
    ato_us: int
    rcv_mss_estimate: int
    notsent_bytes: int
    last_data_sent_us: int
    last_ack_sent_us: int
    last_data_recv_us: int
    last_ack_recv_us: int
    busy_time_us: int
    rwnd_limited_us: int
    sndbuf_limited_us: int
    last_drop: LastDrop
    reassembly: _containers.RepeatedCompositeFieldContainer[SequenceRange]
    congestion_control: CongestionControl
    congestion_phase: _events_pb2.CongestionPhase
    pacing_rate: int
    data_segs_out: int
    data_segs_in: int
    bytes_retrans: int
    rcv_ooopack: int
    peer_user_timeout_us: int
    fast_open: bool
    ca_state: _events_pb2.RecoveryPhase
    recovery_timer: RecoveryTimer
    pipe: int
    unacked: int
    sacked: int
    lost: int
    retrans: int
    scoreboard: _containers.RepeatedCompositeFieldContainer[SentRange]
    min_rtt_us: int
    reordering_window_us: int
    reordering_seen: int
    delivery_rate: int
    delivery_rate_app_limited: bool
    delivered: int
    delivered_ce: int
    dsack_dups: int
    total_rto: int
    total_rto_recoveries: int
    total_rto_time_us: int
    cubic: CubicInfo
    bbr: BbrInfo
    pmtu: int
    ecn: EcnInfo
    fast_open_failure: FastOpenFailure
    send_buffer: int
    receive_buffer: int
    def __init__(self, iss: _Optional[int] = ..., snd_una: _Optional[int] = ..., snd_nxt: _Optional[int] = ..., snd_wnd: _Optional[int] = ..., irs: _Optional[int] = ..., rcv_nxt: _Optional[int] = ..., rcv_wnd: _Optional[int] = ..., snd_mss: _Optional[int] = ..., rcv_mss: _Optional[int] = ..., send_queue: _Optional[int] = ..., receive_queue: _Optional[int] = ..., out_of_order: _Optional[int] = ..., rtt_us: _Optional[int] = ..., rttvar_us: _Optional[int] = ..., rto_us: _Optional[int] = ..., cwnd: _Optional[int] = ..., ssthresh: _Optional[int] = ..., retransmissions: _Optional[int] = ..., backoff: _Optional[int] = ..., bytes_sent: _Optional[int] = ..., bytes_acked: _Optional[int] = ..., bytes_received: _Optional[int] = ..., segments_out: _Optional[int] = ..., segments_in: _Optional[int] = ..., shutdown_write: bool = ..., shutdown_read: bool = ..., timers: _Optional[_Iterable[_Union[RunningTimer, _Mapping]]] = ..., urgent: _Optional[int] = ..., retransmits: _Optional[int] = ..., probes: _Optional[int] = ..., options: _Optional[_Union[OptionsInUse, _Mapping]] = ..., snd_wscale: _Optional[int] = ..., rcv_wscale: _Optional[int] = ..., ato_us: _Optional[int] = ..., rcv_mss_estimate: _Optional[int] = ..., notsent_bytes: _Optional[int] = ..., last_data_sent_us: _Optional[int] = ..., last_ack_sent_us: _Optional[int] = ..., last_data_recv_us: _Optional[int] = ..., last_ack_recv_us: _Optional[int] = ..., busy_time_us: _Optional[int] = ..., rwnd_limited_us: _Optional[int] = ..., sndbuf_limited_us: _Optional[int] = ..., last_drop: _Optional[_Union[LastDrop, _Mapping]] = ..., reassembly: _Optional[_Iterable[_Union[SequenceRange, _Mapping]]] = ..., congestion_control: _Optional[_Union[CongestionControl, str]] = ..., congestion_phase: _Optional[_Union[_events_pb2.CongestionPhase, str]] = ..., pacing_rate: _Optional[int] = ..., data_segs_out: _Optional[int] = ..., data_segs_in: _Optional[int] = ..., bytes_retrans: _Optional[int] = ..., rcv_ooopack: _Optional[int] = ..., peer_user_timeout_us: _Optional[int] = ..., fast_open: bool = ..., ca_state: _Optional[_Union[_events_pb2.RecoveryPhase, str]] = ..., recovery_timer: _Optional[_Union[RecoveryTimer, str]] = ..., pipe: _Optional[int] = ..., unacked: _Optional[int] = ..., sacked: _Optional[int] = ..., lost: _Optional[int] = ..., retrans: _Optional[int] = ..., scoreboard: _Optional[_Iterable[_Union[SentRange, _Mapping]]] = ..., min_rtt_us: _Optional[int] = ..., reordering_window_us: _Optional[int] = ..., reordering_seen: _Optional[int] = ..., delivery_rate: _Optional[int] = ..., delivery_rate_app_limited: bool = ..., delivered: _Optional[int] = ..., delivered_ce: _Optional[int] = ..., dsack_dups: _Optional[int] = ..., total_rto: _Optional[int] = ..., total_rto_recoveries: _Optional[int] = ..., total_rto_time_us: _Optional[int] = ..., cubic: _Optional[_Union[CubicInfo, _Mapping]] = ..., bbr: _Optional[_Union[BbrInfo, _Mapping]] = ..., pmtu: _Optional[int] = ..., ecn: _Optional[_Union[EcnInfo, _Mapping]] = ..., fast_open_failure: _Optional[_Union[FastOpenFailure, str]] = ..., send_buffer: _Optional[int] = ..., receive_buffer: _Optional[int] = ...) -> None: ...

class EcnInfo(_message.Message):
    __slots__ = ("marks", "listens", "seen", "echoes", "received_ce")
    MARKS_FIELD_NUMBER: _ClassVar[int]
    LISTENS_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    ECHOES_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_CE_FIELD_NUMBER: _ClassVar[int]
    marks: bool
    listens: bool
    seen: bool
    echoes: bool
    received_ce: int
    def __init__(self, marks: bool = ..., listens: bool = ..., seen: bool = ..., echoes: bool = ..., received_ce: _Optional[int] = ...) -> None: ...

class SentRange(_message.Message):
    __slots__ = ("range", "sacked", "lost", "resent", "retransmissions")
    RANGE_FIELD_NUMBER: _ClassVar[int]
    SACKED_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    RESENT_FIELD_NUMBER: _ClassVar[int]
    RETRANSMISSIONS_FIELD_NUMBER: _ClassVar[int]
    range: SequenceRange
    sacked: bool
    lost: bool
    resent: bool
    retransmissions: int
    def __init__(self, range: _Optional[_Union[SequenceRange, _Mapping]] = ..., sacked: bool = ..., lost: bool = ..., resent: bool = ..., retransmissions: _Optional[int] = ...) -> None: ...

class CubicInfo(_message.Message):
    __slots__ = ("w_max", "epoch")
    W_MAX_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    w_max: int
    epoch: CubicEpoch
    def __init__(self, w_max: _Optional[int] = ..., epoch: _Optional[_Union[CubicEpoch, _Mapping]] = ...) -> None: ...

class BbrInfo(_message.Message):
    __slots__ = ("bandwidth", "min_rtt_us", "pacing_gain", "cwnd_gain")
    BANDWIDTH_FIELD_NUMBER: _ClassVar[int]
    MIN_RTT_US_FIELD_NUMBER: _ClassVar[int]
    PACING_GAIN_FIELD_NUMBER: _ClassVar[int]
    CWND_GAIN_FIELD_NUMBER: _ClassVar[int]
    bandwidth: int
    min_rtt_us: int
    pacing_gain: int
    cwnd_gain: int
    def __init__(self, bandwidth: _Optional[int] = ..., min_rtt_us: _Optional[int] = ..., pacing_gain: _Optional[int] = ..., cwnd_gain: _Optional[int] = ...) -> None: ...

class CubicEpoch(_message.Message):
    __slots__ = ("start_ns", "k_us", "origin", "w_est")
    START_NS_FIELD_NUMBER: _ClassVar[int]
    K_US_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    W_EST_FIELD_NUMBER: _ClassVar[int]
    start_ns: int
    k_us: int
    origin: int
    w_est: int
    def __init__(self, start_ns: _Optional[int] = ..., k_us: _Optional[int] = ..., origin: _Optional[int] = ..., w_est: _Optional[int] = ...) -> None: ...

class OptionsInUse(_message.Message):
    __slots__ = ("timestamps", "sack", "window_scaling")
    TIMESTAMPS_FIELD_NUMBER: _ClassVar[int]
    SACK_FIELD_NUMBER: _ClassVar[int]
    WINDOW_SCALING_FIELD_NUMBER: _ClassVar[int]
    timestamps: bool
    sack: bool
    window_scaling: bool
    def __init__(self, timestamps: bool = ..., sack: bool = ..., window_scaling: bool = ...) -> None: ...

class LastDrop(_message.Message):
    __slots__ = ("time_ns", "reason")
    TIME_NS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    time_ns: int
    reason: str
    def __init__(self, time_ns: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class SequenceRange(_message.Message):
    __slots__ = ("start", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class RunningTimer(_message.Message):
    __slots__ = ("timer", "deadline_ns")
    TIMER_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_NS_FIELD_NUMBER: _ClassVar[int]
    timer: _events_pb2.TimerKind
    deadline_ns: int
    def __init__(self, timer: _Optional[_Union[_events_pb2.TimerKind, str]] = ..., deadline_ns: _Optional[int] = ...) -> None: ...

class ListenerInfo(_message.Message):
    __slots__ = ("backlog", "half_open", "accept_queue", "overflows")
    BACKLOG_FIELD_NUMBER: _ClassVar[int]
    HALF_OPEN_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_QUEUE_FIELD_NUMBER: _ClassVar[int]
    OVERFLOWS_FIELD_NUMBER: _ClassVar[int]
    backlog: int
    half_open: int
    accept_queue: int
    overflows: int
    def __init__(self, backlog: _Optional[int] = ..., half_open: _Optional[int] = ..., accept_queue: _Optional[int] = ..., overflows: _Optional[int] = ...) -> None: ...

class DatagramInfo(_message.Message):
    __slots__ = ("queued", "queued_bytes", "overflows")
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    QUEUED_BYTES_FIELD_NUMBER: _ClassVar[int]
    OVERFLOWS_FIELD_NUMBER: _ClassVar[int]
    queued: int
    queued_bytes: int
    overflows: int
    def __init__(self, queued: _Optional[int] = ..., queued_bytes: _Optional[int] = ..., overflows: _Optional[int] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("filter", "page_size", "page_token")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    filter: _common_pb2.Filter
    page_size: int
    page_token: str
    def __init__(self, filter: _Optional[_Union[_common_pb2.Filter, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("sockets", "next_page_token", "at")
    SOCKETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    sockets: _containers.RepeatedCompositeFieldContainer[_common_pb2.SocketSummary]
    next_page_token: str
    at: _common_pb2.Position
    def __init__(self, sockets: _Optional[_Iterable[_Union[_common_pb2.SocketSummary, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class WaitForRequest(_message.Message):
    __slots__ = ("socket", "tcp_states", "socket_states", "event_kinds", "readable", "all_acknowledged", "released", "after")
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    TCP_STATES_FIELD_NUMBER: _ClassVar[int]
    SOCKET_STATES_FIELD_NUMBER: _ClassVar[int]
    EVENT_KINDS_FIELD_NUMBER: _ClassVar[int]
    READABLE_FIELD_NUMBER: _ClassVar[int]
    ALL_ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    socket: int
    tcp_states: TcpStates
    socket_states: SocketStates
    event_kinds: EventKinds
    readable: int
    all_acknowledged: bool
    released: bool
    after: _common_pb2.Position
    def __init__(self, socket: _Optional[int] = ..., tcp_states: _Optional[_Union[TcpStates, _Mapping]] = ..., socket_states: _Optional[_Union[SocketStates, _Mapping]] = ..., event_kinds: _Optional[_Union[EventKinds, _Mapping]] = ..., readable: _Optional[int] = ..., all_acknowledged: bool = ..., released: bool = ..., after: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class TcpStates(_message.Message):
    __slots__ = ("states",)
    STATES_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedScalarFieldContainer[_common_pb2.TcpState]
    def __init__(self, states: _Optional[_Iterable[_Union[_common_pb2.TcpState, str]]] = ...) -> None: ...

class SocketStates(_message.Message):
    __slots__ = ("states",)
    STATES_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedScalarFieldContainer[_common_pb2.SocketState]
    def __init__(self, states: _Optional[_Iterable[_Union[_common_pb2.SocketState, str]]] = ...) -> None: ...

class EventKinds(_message.Message):
    __slots__ = ("kinds",)
    KINDS_FIELD_NUMBER: _ClassVar[int]
    kinds: _containers.RepeatedScalarFieldContainer[_common_pb2.EventKind]
    def __init__(self, kinds: _Optional[_Iterable[_Union[_common_pb2.EventKind, str]]] = ...) -> None: ...

class WaitForResponse(_message.Message):
    __slots__ = ("event", "summary", "at")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    event: _events_pb2.Event
    summary: _common_pb2.SocketSummary
    at: _common_pb2.Position
    def __init__(self, event: _Optional[_Union[_events_pb2.Event, _Mapping]] = ..., summary: _Optional[_Union[_common_pb2.SocketSummary, _Mapping]] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class TransferRequest(_message.Message):
    __slots__ = ("socket", "data", "shutdown_write")
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    SHUTDOWN_WRITE_FIELD_NUMBER: _ClassVar[int]
    socket: int
    data: bytes
    shutdown_write: bool
    def __init__(self, socket: _Optional[int] = ..., data: _Optional[bytes] = ..., shutdown_write: bool = ...) -> None: ...

class TransferResponse(_message.Message):
    __slots__ = ("data", "end_of_stream", "accepted", "at")
    DATA_FIELD_NUMBER: _ClassVar[int]
    END_OF_STREAM_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    end_of_stream: bool
    accepted: int
    at: _common_pb2.Position
    def __init__(self, data: _Optional[bytes] = ..., end_of_stream: bool = ..., accepted: _Optional[int] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

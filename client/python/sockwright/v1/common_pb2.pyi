from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AddressFamily(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ADDRESS_FAMILY_UNSPECIFIED: _ClassVar[AddressFamily]
    ADDRESS_FAMILY_IPV4: _ClassVar[AddressFamily]
    ADDRESS_FAMILY_IPV6: _ClassVar[AddressFamily]

class SocketKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SOCKET_KIND_UNSPECIFIED: _ClassVar[SocketKind]
    SOCKET_KIND_STREAM: _ClassVar[SocketKind]
    SOCKET_KIND_DATAGRAM: _ClassVar[SocketKind]

class SocketState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SOCKET_STATE_UNSPECIFIED: _ClassVar[SocketState]
    SOCKET_STATE_UNBOUND: _ClassVar[SocketState]
    SOCKET_STATE_BOUND: _ClassVar[SocketState]
    SOCKET_STATE_LISTENING: _ClassVar[SocketState]
    SOCKET_STATE_CONNECTING: _ClassVar[SocketState]
    SOCKET_STATE_CONNECTED: _ClassVar[SocketState]
    SOCKET_STATE_DISCONNECTED: _ClassVar[SocketState]
    SOCKET_STATE_CLOSED: _ClassVar[SocketState]

class TcpState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TCP_STATE_UNSPECIFIED: _ClassVar[TcpState]
    TCP_STATE_CLOSED: _ClassVar[TcpState]
    TCP_STATE_LISTEN: _ClassVar[TcpState]
    TCP_STATE_SYN_SENT: _ClassVar[TcpState]
    TCP_STATE_SYN_RECEIVED: _ClassVar[TcpState]
    TCP_STATE_ESTABLISHED: _ClassVar[TcpState]
    TCP_STATE_FIN_WAIT_1: _ClassVar[TcpState]
    TCP_STATE_FIN_WAIT_2: _ClassVar[TcpState]
    TCP_STATE_CLOSE_WAIT: _ClassVar[TcpState]
    TCP_STATE_CLOSING: _ClassVar[TcpState]
    TCP_STATE_LAST_ACK: _ClassVar[TcpState]
    TCP_STATE_TIME_WAIT: _ClassVar[TcpState]

class EventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_KIND_UNSPECIFIED: _ClassVar[EventKind]
    EVENT_KIND_OPENED: _ClassVar[EventKind]
    EVENT_KIND_NAMED: _ClassVar[EventKind]
    EVENT_KIND_SOCKET_STATE_CHANGED: _ClassVar[EventKind]
    EVENT_KIND_TCP_STATE_CHANGED: _ClassVar[EventKind]
    EVENT_KIND_SEGMENT_SENT: _ClassVar[EventKind]
    EVENT_KIND_SEGMENT_RECEIVED: _ClassVar[EventKind]
    EVENT_KIND_SEGMENT_DROPPED: _ClassVar[EventKind]
    EVENT_KIND_RETRANSMISSION: _ClassVar[EventKind]
    EVENT_KIND_TIMER: _ClassVar[EventKind]
    EVENT_KIND_READABLE: _ClassVar[EventKind]
    EVENT_KIND_ACKNOWLEDGED: _ClassVar[EventKind]
    EVENT_KIND_ACCEPT_READY: _ClassVar[EventKind]
    EVENT_KIND_FAILED: _ClassVar[EventKind]
    EVENT_KIND_ICMP_RECEIVED: _ClassVar[EventKind]
    EVENT_KIND_LIMIT_HIT: _ClassVar[EventKind]
    EVENT_KIND_DATAGRAM: _ClassVar[EventKind]
    EVENT_KIND_RELEASED: _ClassVar[EventKind]
    EVENT_KIND_FRAME_LOST: _ClassVar[EventKind]
    EVENT_KIND_RECOVERY: _ClassVar[EventKind]
    EVENT_KIND_UNDO: _ClassVar[EventKind]
    EVENT_KIND_CONGESTION: _ClassVar[EventKind]
    EVENT_KIND_RTT_SAMPLE: _ClassVar[EventKind]
    EVENT_KIND_WINDOWS: _ClassVar[EventKind]
    EVENT_KIND_PATH_MTU: _ClassVar[EventKind]
    EVENT_KIND_URGENT: _ClassVar[EventKind]
    EVENT_KIND_NEIGHBOR: _ClassVar[EventKind]
    EVENT_KIND_ADDRESS_CONFLICT: _ClassVar[EventKind]
    EVENT_KIND_LINK_CHANGED: _ClassVar[EventKind]
    EVENT_KIND_STACK_FAILED: _ClassVar[EventKind]
    EVENT_KIND_DRAINING: _ClassVar[EventKind]
ADDRESS_FAMILY_UNSPECIFIED: AddressFamily
ADDRESS_FAMILY_IPV4: AddressFamily
ADDRESS_FAMILY_IPV6: AddressFamily
SOCKET_KIND_UNSPECIFIED: SocketKind
SOCKET_KIND_STREAM: SocketKind
SOCKET_KIND_DATAGRAM: SocketKind
SOCKET_STATE_UNSPECIFIED: SocketState
SOCKET_STATE_UNBOUND: SocketState
SOCKET_STATE_BOUND: SocketState
SOCKET_STATE_LISTENING: SocketState
SOCKET_STATE_CONNECTING: SocketState
SOCKET_STATE_CONNECTED: SocketState
SOCKET_STATE_DISCONNECTED: SocketState
SOCKET_STATE_CLOSED: SocketState
TCP_STATE_UNSPECIFIED: TcpState
TCP_STATE_CLOSED: TcpState
TCP_STATE_LISTEN: TcpState
TCP_STATE_SYN_SENT: TcpState
TCP_STATE_SYN_RECEIVED: TcpState
TCP_STATE_ESTABLISHED: TcpState
TCP_STATE_FIN_WAIT_1: TcpState
TCP_STATE_FIN_WAIT_2: TcpState
TCP_STATE_CLOSE_WAIT: TcpState
TCP_STATE_CLOSING: TcpState
TCP_STATE_LAST_ACK: TcpState
TCP_STATE_TIME_WAIT: TcpState
EVENT_KIND_UNSPECIFIED: EventKind
EVENT_KIND_OPENED: EventKind
EVENT_KIND_NAMED: EventKind
EVENT_KIND_SOCKET_STATE_CHANGED: EventKind
EVENT_KIND_TCP_STATE_CHANGED: EventKind
EVENT_KIND_SEGMENT_SENT: EventKind
EVENT_KIND_SEGMENT_RECEIVED: EventKind
EVENT_KIND_SEGMENT_DROPPED: EventKind
EVENT_KIND_RETRANSMISSION: EventKind
EVENT_KIND_TIMER: EventKind
EVENT_KIND_READABLE: EventKind
EVENT_KIND_ACKNOWLEDGED: EventKind
EVENT_KIND_ACCEPT_READY: EventKind
EVENT_KIND_FAILED: EventKind
EVENT_KIND_ICMP_RECEIVED: EventKind
EVENT_KIND_LIMIT_HIT: EventKind
EVENT_KIND_DATAGRAM: EventKind
EVENT_KIND_RELEASED: EventKind
EVENT_KIND_FRAME_LOST: EventKind
EVENT_KIND_RECOVERY: EventKind
EVENT_KIND_UNDO: EventKind
EVENT_KIND_CONGESTION: EventKind
EVENT_KIND_RTT_SAMPLE: EventKind
EVENT_KIND_WINDOWS: EventKind
EVENT_KIND_PATH_MTU: EventKind
EVENT_KIND_URGENT: EventKind
EVENT_KIND_NEIGHBOR: EventKind
EVENT_KIND_ADDRESS_CONFLICT: EventKind
EVENT_KIND_LINK_CHANGED: EventKind
EVENT_KIND_STACK_FAILED: EventKind
EVENT_KIND_DRAINING: EventKind

class Position(_message.Message):
    __slots__ = ("epoch", "seq")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    seq: int
    def __init__(self, epoch: _Optional[int] = ..., seq: _Optional[int] = ...) -> None: ...

class SocketAddress(_message.Message):
    __slots__ = ("ip", "port")
    IP_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    ip: str
    port: int
    def __init__(self, ip: _Optional[str] = ..., port: _Optional[int] = ...) -> None: ...

class SocketError(_message.Message):
    __slots__ = ("errno_name", "errno", "tcp_state", "message", "socket")
    ERRNO_NAME_FIELD_NUMBER: _ClassVar[int]
    ERRNO_FIELD_NUMBER: _ClassVar[int]
    TCP_STATE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    errno_name: str
    errno: int
    tcp_state: TcpState
    message: str
    socket: int
    def __init__(self, errno_name: _Optional[str] = ..., errno: _Optional[int] = ..., tcp_state: _Optional[_Union[TcpState, str]] = ..., message: _Optional[str] = ..., socket: _Optional[int] = ...) -> None: ...

class Filter(_message.Message):
    __slots__ = ("sessions", "sockets", "labels", "stacks", "addresses", "ports", "tcp_states", "kinds")
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    SOCKETS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    STACKS_FIELD_NUMBER: _ClassVar[int]
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    TCP_STATES_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedScalarFieldContainer[str]
    sockets: _containers.RepeatedScalarFieldContainer[int]
    labels: _containers.RepeatedScalarFieldContainer[str]
    stacks: _containers.RepeatedScalarFieldContainer[str]
    addresses: _containers.RepeatedScalarFieldContainer[str]
    ports: _containers.RepeatedScalarFieldContainer[int]
    tcp_states: _containers.RepeatedScalarFieldContainer[TcpState]
    kinds: _containers.RepeatedScalarFieldContainer[EventKind]
    def __init__(self, sessions: _Optional[_Iterable[str]] = ..., sockets: _Optional[_Iterable[int]] = ..., labels: _Optional[_Iterable[str]] = ..., stacks: _Optional[_Iterable[str]] = ..., addresses: _Optional[_Iterable[str]] = ..., ports: _Optional[_Iterable[int]] = ..., tcp_states: _Optional[_Iterable[_Union[TcpState, str]]] = ..., kinds: _Optional[_Iterable[_Union[EventKind, str]]] = ...) -> None: ...

class SocketSummary(_message.Message):
    __slots__ = ("socket", "stack", "session", "label", "kind", "family", "socket_state", "tcp_state", "local", "remote", "listener", "opened_time_ns", "state_time_ns")
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    STACK_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    SOCKET_STATE_FIELD_NUMBER: _ClassVar[int]
    TCP_STATE_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    LISTENER_FIELD_NUMBER: _ClassVar[int]
    OPENED_TIME_NS_FIELD_NUMBER: _ClassVar[int]
    STATE_TIME_NS_FIELD_NUMBER: _ClassVar[int]
    socket: int
    stack: str
    session: str
    label: str
    kind: SocketKind
    family: AddressFamily
    socket_state: SocketState
    tcp_state: TcpState
    local: SocketAddress
    remote: SocketAddress
    listener: int
    opened_time_ns: int
    state_time_ns: int
    def __init__(self, socket: _Optional[int] = ..., stack: _Optional[str] = ..., session: _Optional[str] = ..., label: _Optional[str] = ..., kind: _Optional[_Union[SocketKind, str]] = ..., family: _Optional[_Union[AddressFamily, str]] = ..., socket_state: _Optional[_Union[SocketState, str]] = ..., tcp_state: _Optional[_Union[TcpState, str]] = ..., local: _Optional[_Union[SocketAddress, _Mapping]] = ..., remote: _Optional[_Union[SocketAddress, _Mapping]] = ..., listener: _Optional[int] = ..., opened_time_ns: _Optional[int] = ..., state_time_ns: _Optional[int] = ...) -> None: ...

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

class Delivery(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERY_UNSPECIFIED: _ClassVar[Delivery]
    DELIVERY_LOSSLESS: _ClassVar[Delivery]
    DELIVERY_CONFLATE: _ClassVar[Delivery]

class GapReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GAP_REASON_UNSPECIFIED: _ClassVar[GapReason]
    GAP_REASON_WATCHER_TOO_SLOW: _ClassVar[GapReason]
    GAP_REASON_FORGOTTEN: _ClassVar[GapReason]
    GAP_REASON_OTHER_EPOCH: _ClassVar[GapReason]

class RetransmissionReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RETRANSMISSION_REASON_UNSPECIFIED: _ClassVar[RetransmissionReason]
    RETRANSMISSION_REASON_TIMEOUT: _ClassVar[RetransmissionReason]
    RETRANSMISSION_REASON_FAST: _ClassVar[RetransmissionReason]
    RETRANSMISSION_REASON_RECOVERY: _ClassVar[RetransmissionReason]
    RETRANSMISSION_REASON_WINDOW_PROBE: _ClassVar[RetransmissionReason]
    RETRANSMISSION_REASON_TAIL_LOSS_PROBE: _ClassVar[RetransmissionReason]
    RETRANSMISSION_REASON_RACK: _ClassVar[RetransmissionReason]

class TimerKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIMER_KIND_UNSPECIFIED: _ClassVar[TimerKind]
    TIMER_KIND_RETRANSMIT: _ClassVar[TimerKind]
    TIMER_KIND_PERSIST: _ClassVar[TimerKind]
    TIMER_KIND_DELAYED_ACK: _ClassVar[TimerKind]
    TIMER_KIND_KEEP_ALIVE: _ClassVar[TimerKind]
    TIMER_KIND_USER_TIMEOUT: _ClassVar[TimerKind]
    TIMER_KIND_FIN_WAIT_2: _ClassVar[TimerKind]
    TIMER_KIND_TIME_WAIT: _ClassVar[TimerKind]
    TIMER_KIND_LINGER: _ClassVar[TimerKind]
    TIMER_KIND_PACING: _ClassVar[TimerKind]

class TimerAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TIMER_ACTION_UNSPECIFIED: _ClassVar[TimerAction]
    TIMER_ACTION_STARTED: _ClassVar[TimerAction]
    TIMER_ACTION_STOPPED: _ClassVar[TimerAction]
    TIMER_ACTION_FIRED: _ClassVar[TimerAction]

class RecoveryPhase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECOVERY_PHASE_UNSPECIFIED: _ClassVar[RecoveryPhase]
    RECOVERY_PHASE_OPEN: _ClassVar[RecoveryPhase]
    RECOVERY_PHASE_DISORDER: _ClassVar[RecoveryPhase]
    RECOVERY_PHASE_CWR: _ClassVar[RecoveryPhase]
    RECOVERY_PHASE_RECOVERY: _ClassVar[RecoveryPhase]
    RECOVERY_PHASE_LOSS: _ClassVar[RecoveryPhase]

class RecoveryCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECOVERY_CAUSE_UNSPECIFIED: _ClassVar[RecoveryCause]
    RECOVERY_CAUSE_DUPLICATE_ACKS: _ClassVar[RecoveryCause]
    RECOVERY_CAUSE_RACK: _ClassVar[RecoveryCause]
    RECOVERY_CAUSE_TAIL_LOSS_PROBE: _ClassVar[RecoveryCause]
    RECOVERY_CAUSE_TIMEOUT: _ClassVar[RecoveryCause]
    RECOVERY_CAUSE_ECN: _ClassVar[RecoveryCause]
    RECOVERY_CAUSE_ACKNOWLEDGED: _ClassVar[RecoveryCause]
    RECOVERY_CAUSE_UNDONE: _ClassVar[RecoveryCause]

class UndoCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNDO_CAUSE_UNSPECIFIED: _ClassVar[UndoCause]
    UNDO_CAUSE_TIMESTAMP: _ClassVar[UndoCause]
    UNDO_CAUSE_DUPLICATE_SACK: _ClassVar[UndoCause]
    UNDO_CAUSE_FORWARD_RTO: _ClassVar[UndoCause]

class CongestionPhase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONGESTION_PHASE_UNSPECIFIED: _ClassVar[CongestionPhase]
    CONGESTION_PHASE_SLOW_START: _ClassVar[CongestionPhase]
    CONGESTION_PHASE_CONSERVATIVE_SLOW_START: _ClassVar[CongestionPhase]
    CONGESTION_PHASE_CONGESTION_AVOIDANCE: _ClassVar[CongestionPhase]
    CONGESTION_PHASE_RECOVERY: _ClassVar[CongestionPhase]
    CONGESTION_PHASE_STARTUP: _ClassVar[CongestionPhase]
    CONGESTION_PHASE_DRAIN: _ClassVar[CongestionPhase]
    CONGESTION_PHASE_PROBE_BANDWIDTH: _ClassVar[CongestionPhase]
    CONGESTION_PHASE_PROBE_RTT: _ClassVar[CongestionPhase]

class NeighborState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NEIGHBOR_STATE_UNSPECIFIED: _ClassVar[NeighborState]
    NEIGHBOR_STATE_INCOMPLETE: _ClassVar[NeighborState]
    NEIGHBOR_STATE_REACHABLE: _ClassVar[NeighborState]
    NEIGHBOR_STATE_STALE: _ClassVar[NeighborState]
    NEIGHBOR_STATE_DELAY: _ClassVar[NeighborState]
    NEIGHBOR_STATE_PROBE: _ClassVar[NeighborState]
    NEIGHBOR_STATE_GONE: _ClassVar[NeighborState]

class LinkState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LINK_STATE_UNSPECIFIED: _ClassVar[LinkState]
    LINK_STATE_UP: _ClassVar[LinkState]
    LINK_STATE_DOWN: _ClassVar[LinkState]
    LINK_STATE_GONE: _ClassVar[LinkState]
DELIVERY_UNSPECIFIED: Delivery
DELIVERY_LOSSLESS: Delivery
DELIVERY_CONFLATE: Delivery
GAP_REASON_UNSPECIFIED: GapReason
GAP_REASON_WATCHER_TOO_SLOW: GapReason
GAP_REASON_FORGOTTEN: GapReason
GAP_REASON_OTHER_EPOCH: GapReason
RETRANSMISSION_REASON_UNSPECIFIED: RetransmissionReason
RETRANSMISSION_REASON_TIMEOUT: RetransmissionReason
RETRANSMISSION_REASON_FAST: RetransmissionReason
RETRANSMISSION_REASON_RECOVERY: RetransmissionReason
RETRANSMISSION_REASON_WINDOW_PROBE: RetransmissionReason
RETRANSMISSION_REASON_TAIL_LOSS_PROBE: RetransmissionReason
RETRANSMISSION_REASON_RACK: RetransmissionReason
TIMER_KIND_UNSPECIFIED: TimerKind
TIMER_KIND_RETRANSMIT: TimerKind
TIMER_KIND_PERSIST: TimerKind
TIMER_KIND_DELAYED_ACK: TimerKind
TIMER_KIND_KEEP_ALIVE: TimerKind
TIMER_KIND_USER_TIMEOUT: TimerKind
TIMER_KIND_FIN_WAIT_2: TimerKind
TIMER_KIND_TIME_WAIT: TimerKind
TIMER_KIND_LINGER: TimerKind
TIMER_KIND_PACING: TimerKind
TIMER_ACTION_UNSPECIFIED: TimerAction
TIMER_ACTION_STARTED: TimerAction
TIMER_ACTION_STOPPED: TimerAction
TIMER_ACTION_FIRED: TimerAction
RECOVERY_PHASE_UNSPECIFIED: RecoveryPhase
RECOVERY_PHASE_OPEN: RecoveryPhase
RECOVERY_PHASE_DISORDER: RecoveryPhase
RECOVERY_PHASE_CWR: RecoveryPhase
RECOVERY_PHASE_RECOVERY: RecoveryPhase
RECOVERY_PHASE_LOSS: RecoveryPhase
RECOVERY_CAUSE_UNSPECIFIED: RecoveryCause
RECOVERY_CAUSE_DUPLICATE_ACKS: RecoveryCause
RECOVERY_CAUSE_RACK: RecoveryCause
RECOVERY_CAUSE_TAIL_LOSS_PROBE: RecoveryCause
RECOVERY_CAUSE_TIMEOUT: RecoveryCause
RECOVERY_CAUSE_ECN: RecoveryCause
RECOVERY_CAUSE_ACKNOWLEDGED: RecoveryCause
RECOVERY_CAUSE_UNDONE: RecoveryCause
UNDO_CAUSE_UNSPECIFIED: UndoCause
UNDO_CAUSE_TIMESTAMP: UndoCause
UNDO_CAUSE_DUPLICATE_SACK: UndoCause
UNDO_CAUSE_FORWARD_RTO: UndoCause
CONGESTION_PHASE_UNSPECIFIED: CongestionPhase
CONGESTION_PHASE_SLOW_START: CongestionPhase
CONGESTION_PHASE_CONSERVATIVE_SLOW_START: CongestionPhase
CONGESTION_PHASE_CONGESTION_AVOIDANCE: CongestionPhase
CONGESTION_PHASE_RECOVERY: CongestionPhase
CONGESTION_PHASE_STARTUP: CongestionPhase
CONGESTION_PHASE_DRAIN: CongestionPhase
CONGESTION_PHASE_PROBE_BANDWIDTH: CongestionPhase
CONGESTION_PHASE_PROBE_RTT: CongestionPhase
NEIGHBOR_STATE_UNSPECIFIED: NeighborState
NEIGHBOR_STATE_INCOMPLETE: NeighborState
NEIGHBOR_STATE_REACHABLE: NeighborState
NEIGHBOR_STATE_STALE: NeighborState
NEIGHBOR_STATE_DELAY: NeighborState
NEIGHBOR_STATE_PROBE: NeighborState
NEIGHBOR_STATE_GONE: NeighborState
LINK_STATE_UNSPECIFIED: LinkState
LINK_STATE_UP: LinkState
LINK_STATE_DOWN: LinkState
LINK_STATE_GONE: LinkState

class WatchRequest(_message.Message):
    __slots__ = ("filter", "delivery", "resume", "queue_limit")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    QUEUE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    filter: _common_pb2.Filter
    delivery: Delivery
    resume: _common_pb2.Position
    queue_limit: int
    def __init__(self, filter: _Optional[_Union[_common_pb2.Filter, _Mapping]] = ..., delivery: _Optional[_Union[Delivery, str]] = ..., resume: _Optional[_Union[_common_pb2.Position, _Mapping]] = ..., queue_limit: _Optional[int] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("snapshot", "events", "gap")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    snapshot: Snapshot
    events: EventBatch
    gap: Gap
    def __init__(self, snapshot: _Optional[_Union[Snapshot, _Mapping]] = ..., events: _Optional[_Union[EventBatch, _Mapping]] = ..., gap: _Optional[_Union[Gap, _Mapping]] = ...) -> None: ...

class Snapshot(_message.Message):
    __slots__ = ("sockets", "last", "at")
    SOCKETS_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    sockets: _containers.RepeatedCompositeFieldContainer[_common_pb2.SocketSummary]
    last: bool
    at: _common_pb2.Position
    def __init__(self, sockets: _Optional[_Iterable[_Union[_common_pb2.SocketSummary, _Mapping]]] = ..., last: bool = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class EventBatch(_message.Message):
    __slots__ = ("epoch", "events")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    epoch: int
    events: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, epoch: _Optional[int] = ..., events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ...) -> None: ...

class Gap(_message.Message):
    __slots__ = ("after", "through", "reason")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    THROUGH_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    after: _common_pb2.Position
    through: _common_pb2.Position
    reason: GapReason
    def __init__(self, after: _Optional[_Union[_common_pb2.Position, _Mapping]] = ..., through: _Optional[_Union[_common_pb2.Position, _Mapping]] = ..., reason: _Optional[_Union[GapReason, str]] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("seq", "time_ns", "stack", "socket", "session", "label", "opened", "named", "socket_state_changed", "tcp_state_changed", "segment_sent", "segment_received", "segment_dropped", "retransmission", "timer", "readable", "acknowledged", "accept_ready", "failed", "icmp_received", "limit_hit", "datagram", "released", "frame_lost", "recovery", "undo", "congestion", "rtt_sample", "windows", "path_mtu", "urgent", "neighbor", "address_conflict", "link_changed", "stack_failed", "draining")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    TIME_NS_FIELD_NUMBER: _ClassVar[int]
    STACK_FIELD_NUMBER: _ClassVar[int]
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    NAMED_FIELD_NUMBER: _ClassVar[int]
    SOCKET_STATE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    TCP_STATE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_SENT_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_DROPPED_FIELD_NUMBER: _ClassVar[int]
    RETRANSMISSION_FIELD_NUMBER: _ClassVar[int]
    TIMER_FIELD_NUMBER: _ClassVar[int]
    READABLE_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_READY_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    ICMP_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    LIMIT_HIT_FIELD_NUMBER: _ClassVar[int]
    DATAGRAM_FIELD_NUMBER: _ClassVar[int]
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    FRAME_LOST_FIELD_NUMBER: _ClassVar[int]
    RECOVERY_FIELD_NUMBER: _ClassVar[int]
    UNDO_FIELD_NUMBER: _ClassVar[int]
    CONGESTION_FIELD_NUMBER: _ClassVar[int]
    RTT_SAMPLE_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    PATH_MTU_FIELD_NUMBER: _ClassVar[int]
    URGENT_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOR_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_CONFLICT_FIELD_NUMBER: _ClassVar[int]
    LINK_CHANGED_FIELD_NUMBER: _ClassVar[int]
    STACK_FAILED_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    seq: int
    time_ns: int
    stack: str
    socket: int
    session: str
    label: str
    opened: Opened
    named: Named
    socket_state_changed: SocketStateChanged
    tcp_state_changed: TcpStateChanged
    segment_sent: Segment
    segment_received: Segment
    segment_dropped: SegmentDropped
    retransmission: Retransmission
    timer: Timer
    readable: Readable
    acknowledged: Acknowledged
    accept_ready: AcceptReady
    failed: _common_pb2.SocketError
    icmp_received: IcmpReceived
    limit_hit: LimitHit
    datagram: Datagram
    released: Released
    frame_lost: FrameLost
    recovery: Recovery
    undo: Undo
    congestion: Congestion
    rtt_sample: RttSample
    windows: Windows
    path_mtu: PathMtu
    urgent: Urgent
    neighbor: Neighbor
    address_conflict: AddressConflict
    link_changed: LinkChanged
    stack_failed: StackFailed
    draining: Draining
    def __init__(self, seq: _Optional[int] = ..., time_ns: _Optional[int] = ..., stack: _Optional[str] = ..., socket: _Optional[int] = ..., session: _Optional[str] = ..., label: _Optional[str] = ..., opened: _Optional[_Union[Opened, _Mapping]] = ..., named: _Optional[_Union[Named, _Mapping]] = ..., socket_state_changed: _Optional[_Union[SocketStateChanged, _Mapping]] = ..., tcp_state_changed: _Optional[_Union[TcpStateChanged, _Mapping]] = ..., segment_sent: _Optional[_Union[Segment, _Mapping]] = ..., segment_received: _Optional[_Union[Segment, _Mapping]] = ..., segment_dropped: _Optional[_Union[SegmentDropped, _Mapping]] = ..., retransmission: _Optional[_Union[Retransmission, _Mapping]] = ..., timer: _Optional[_Union[Timer, _Mapping]] = ..., readable: _Optional[_Union[Readable, _Mapping]] = ..., acknowledged: _Optional[_Union[Acknowledged, _Mapping]] = ..., accept_ready: _Optional[_Union[AcceptReady, _Mapping]] = ..., failed: _Optional[_Union[_common_pb2.SocketError, _Mapping]] = ..., icmp_received: _Optional[_Union[IcmpReceived, _Mapping]] = ..., limit_hit: _Optional[_Union[LimitHit, _Mapping]] = ..., datagram: _Optional[_Union[Datagram, _Mapping]] = ..., released: _Optional[_Union[Released, _Mapping]] = ..., frame_lost: _Optional[_Union[FrameLost, _Mapping]] = ..., recovery: _Optional[_Union[Recovery, _Mapping]] = ..., undo: _Optional[_Union[Undo, _Mapping]] = ..., congestion: _Optional[_Union[Congestion, _Mapping]] = ..., rtt_sample: _Optional[_Union[RttSample, _Mapping]] = ..., windows: _Optional[_Union[Windows, _Mapping]] = ..., path_mtu: _Optional[_Union[PathMtu, _Mapping]] = ..., urgent: _Optional[_Union[Urgent, _Mapping]] = ..., neighbor: _Optional[_Union[Neighbor, _Mapping]] = ..., address_conflict: _Optional[_Union[AddressConflict, _Mapping]] = ..., link_changed: _Optional[_Union[LinkChanged, _Mapping]] = ..., stack_failed: _Optional[_Union[StackFailed, _Mapping]] = ..., draining: _Optional[_Union[Draining, _Mapping]] = ...) -> None: ...

class Opened(_message.Message):
    __slots__ = ("kind", "family", "listener")
    KIND_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    LISTENER_FIELD_NUMBER: _ClassVar[int]
    kind: _common_pb2.SocketKind
    family: _common_pb2.AddressFamily
    listener: int
    def __init__(self, kind: _Optional[_Union[_common_pb2.SocketKind, str]] = ..., family: _Optional[_Union[_common_pb2.AddressFamily, str]] = ..., listener: _Optional[int] = ...) -> None: ...

class Named(_message.Message):
    __slots__ = ("local", "remote")
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    local: _common_pb2.SocketAddress
    remote: _common_pb2.SocketAddress
    def __init__(self, local: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., remote: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ...) -> None: ...

class SocketStateChanged(_message.Message):
    __slots__ = ("to",)
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    to: _common_pb2.SocketState
    def __init__(self, to: _Optional[_Union[_common_pb2.SocketState, str]] = ..., **kwargs) -> None: ...

class TcpStateChanged(_message.Message):
    __slots__ = ("to", "cause", "local", "remote")
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    REMOTE_FIELD_NUMBER: _ClassVar[int]
    to: _common_pb2.TcpState
    cause: Cause
    local: _common_pb2.SocketAddress
    remote: _common_pb2.SocketAddress
    def __init__(self, to: _Optional[_Union[_common_pb2.TcpState, str]] = ..., cause: _Optional[_Union[Cause, _Mapping]] = ..., local: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., remote: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., **kwargs) -> None: ...

class Cause(_message.Message):
    __slots__ = ("segment", "call", "timer", "icmp", "limit")
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    TIMER_FIELD_NUMBER: _ClassVar[int]
    ICMP_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    segment: str
    call: str
    timer: TimerKind
    icmp: IcmpType
    limit: str
    def __init__(self, segment: _Optional[str] = ..., call: _Optional[str] = ..., timer: _Optional[_Union[TimerKind, str]] = ..., icmp: _Optional[_Union[IcmpType, _Mapping]] = ..., limit: _Optional[str] = ...) -> None: ...

class IcmpType(_message.Message):
    __slots__ = ("type", "code", "v6")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    V6_FIELD_NUMBER: _ClassVar[int]
    type: int
    code: int
    v6: bool
    def __init__(self, type: _Optional[int] = ..., code: _Optional[int] = ..., v6: bool = ...) -> None: ...

class Segment(_message.Message):
    __slots__ = ("source", "destination", "seq", "ack", "flags", "window", "length", "text")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    source: _common_pb2.SocketAddress
    destination: _common_pb2.SocketAddress
    seq: int
    ack: int
    flags: int
    window: int
    length: int
    text: str
    def __init__(self, source: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., destination: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., seq: _Optional[int] = ..., ack: _Optional[int] = ..., flags: _Optional[int] = ..., window: _Optional[int] = ..., length: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class SegmentDropped(_message.Message):
    __slots__ = ("segment", "reason")
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    segment: Segment
    reason: str
    def __init__(self, segment: _Optional[_Union[Segment, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class Retransmission(_message.Message):
    __slots__ = ("seq", "length", "reason")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    seq: int
    length: int
    reason: RetransmissionReason
    def __init__(self, seq: _Optional[int] = ..., length: _Optional[int] = ..., reason: _Optional[_Union[RetransmissionReason, str]] = ...) -> None: ...

class Timer(_message.Message):
    __slots__ = ("timer", "action", "deadline_ns")
    TIMER_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_NS_FIELD_NUMBER: _ClassVar[int]
    timer: TimerKind
    action: TimerAction
    deadline_ns: int
    def __init__(self, timer: _Optional[_Union[TimerKind, str]] = ..., action: _Optional[_Union[TimerAction, str]] = ..., deadline_ns: _Optional[int] = ...) -> None: ...

class Readable(_message.Message):
    __slots__ = ("available", "end_of_stream")
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    END_OF_STREAM_FIELD_NUMBER: _ClassVar[int]
    available: int
    end_of_stream: bool
    def __init__(self, available: _Optional[int] = ..., end_of_stream: bool = ...) -> None: ...

class Acknowledged(_message.Message):
    __slots__ = ("bytes", "outstanding")
    BYTES_FIELD_NUMBER: _ClassVar[int]
    OUTSTANDING_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    outstanding: int
    def __init__(self, bytes: _Optional[int] = ..., outstanding: _Optional[int] = ...) -> None: ...

class AcceptReady(_message.Message):
    __slots__ = ("socket", "queued")
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    socket: int
    queued: int
    def __init__(self, socket: _Optional[int] = ..., queued: _Optional[int] = ...) -> None: ...

class IcmpReceived(_message.Message):
    __slots__ = ("icmp", "fatal")
    ICMP_FIELD_NUMBER: _ClassVar[int]
    FATAL_FIELD_NUMBER: _ClassVar[int]
    icmp: IcmpType
    fatal: bool
    def __init__(self, icmp: _Optional[_Union[IcmpType, _Mapping]] = ..., fatal: bool = ...) -> None: ...

class LimitHit(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: str
    def __init__(self, limit: _Optional[str] = ...) -> None: ...

class StackFailed(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: str
    def __init__(self, message: _Optional[str] = ...) -> None: ...

class Draining(_message.Message):
    __slots__ = ("within",)
    WITHIN_FIELD_NUMBER: _ClassVar[int]
    within: _duration_pb2.Duration
    def __init__(self, within: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Datagram(_message.Message):
    __slots__ = ("source", "destination", "length", "sent")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    SENT_FIELD_NUMBER: _ClassVar[int]
    source: _common_pb2.SocketAddress
    destination: _common_pb2.SocketAddress
    length: int
    sent: bool
    def __init__(self, source: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., destination: _Optional[_Union[_common_pb2.SocketAddress, _Mapping]] = ..., length: _Optional[int] = ..., sent: bool = ...) -> None: ...

class Released(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class FrameLost(_message.Message):
    __slots__ = ("what", "text", "frames")
    WHAT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    what: str
    text: str
    frames: int
    def __init__(self, what: _Optional[str] = ..., text: _Optional[str] = ..., frames: _Optional[int] = ...) -> None: ...

class Recovery(_message.Message):
    __slots__ = ("to", "cause")
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    to: RecoveryPhase
    cause: RecoveryCause
    def __init__(self, to: _Optional[_Union[RecoveryPhase, str]] = ..., cause: _Optional[_Union[RecoveryCause, str]] = ..., **kwargs) -> None: ...

class Undo(_message.Message):
    __slots__ = ("cause",)
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    cause: UndoCause
    def __init__(self, cause: _Optional[_Union[UndoCause, str]] = ...) -> None: ...

class Congestion(_message.Message):
    __slots__ = ("cwnd", "ssthresh", "phase")
    CWND_FIELD_NUMBER: _ClassVar[int]
    SSTHRESH_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    cwnd: int
    ssthresh: int
    phase: CongestionPhase
    def __init__(self, cwnd: _Optional[int] = ..., ssthresh: _Optional[int] = ..., phase: _Optional[_Union[CongestionPhase, str]] = ...) -> None: ...

class RttSample(_message.Message):
    __slots__ = ("rtt_ns", "srtt_ns", "rttvar_ns", "rto_ns")
    RTT_NS_FIELD_NUMBER: _ClassVar[int]
    SRTT_NS_FIELD_NUMBER: _ClassVar[int]
    RTTVAR_NS_FIELD_NUMBER: _ClassVar[int]
    RTO_NS_FIELD_NUMBER: _ClassVar[int]
    rtt_ns: int
    srtt_ns: int
    rttvar_ns: int
    rto_ns: int
    def __init__(self, rtt_ns: _Optional[int] = ..., srtt_ns: _Optional[int] = ..., rttvar_ns: _Optional[int] = ..., rto_ns: _Optional[int] = ...) -> None: ...

class Windows(_message.Message):
    __slots__ = ("snd_wnd", "rcv_wnd")
    SND_WND_FIELD_NUMBER: _ClassVar[int]
    RCV_WND_FIELD_NUMBER: _ClassVar[int]
    snd_wnd: int
    rcv_wnd: int
    def __init__(self, snd_wnd: _Optional[int] = ..., rcv_wnd: _Optional[int] = ...) -> None: ...

class PathMtu(_message.Message):
    __slots__ = ("mtu",)
    MTU_FIELD_NUMBER: _ClassVar[int]
    mtu: int
    def __init__(self, mtu: _Optional[int] = ...) -> None: ...

class Urgent(_message.Message):
    __slots__ = ("pointer",)
    POINTER_FIELD_NUMBER: _ClassVar[int]
    pointer: int
    def __init__(self, pointer: _Optional[int] = ...) -> None: ...

class Neighbor(_message.Message):
    __slots__ = ("address", "mac", "state")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    MAC_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    address: str
    mac: str
    state: NeighborState
    def __init__(self, address: _Optional[str] = ..., mac: _Optional[str] = ..., state: _Optional[_Union[NeighborState, str]] = ...) -> None: ...

class AddressConflict(_message.Message):
    __slots__ = ("address", "mac", "lost")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    MAC_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    address: str
    mac: str
    lost: bool
    def __init__(self, address: _Optional[str] = ..., mac: _Optional[str] = ..., lost: bool = ...) -> None: ...

class LinkChanged(_message.Message):
    __slots__ = ("state", "mtu")
    STATE_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    state: LinkState
    mtu: int
    def __init__(self, state: _Optional[_Union[LinkState, str]] = ..., mtu: _Optional[int] = ...) -> None: ...

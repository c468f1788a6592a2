from sockwright.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TracesStartRequest(_message.Message):
    __slots__ = ("session", "filter", "title", "limits", "no_packets", "idempotency_key")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    NO_PACKETS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    session: str
    filter: _common_pb2.Filter
    title: str
    limits: TraceLimits
    no_packets: bool
    idempotency_key: str
    def __init__(self, session: _Optional[str] = ..., filter: _Optional[_Union[_common_pb2.Filter, _Mapping]] = ..., title: _Optional[str] = ..., limits: _Optional[_Union[TraceLimits, _Mapping]] = ..., no_packets: bool = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class TraceLimits(_message.Message):
    __slots__ = ("event_bytes", "packet_bytes", "call_bytes", "log_bytes")
    EVENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    PACKET_BYTES_FIELD_NUMBER: _ClassVar[int]
    CALL_BYTES_FIELD_NUMBER: _ClassVar[int]
    LOG_BYTES_FIELD_NUMBER: _ClassVar[int]
    event_bytes: int
    packet_bytes: int
    call_bytes: int
    log_bytes: int
    def __init__(self, event_bytes: _Optional[int] = ..., packet_bytes: _Optional[int] = ..., call_bytes: _Optional[int] = ..., log_bytes: _Optional[int] = ...) -> None: ...

class TracesStartResponse(_message.Message):
    __slots__ = ("trace", "at")
    TRACE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    trace: str
    at: _common_pb2.Position
    def __init__(self, trace: _Optional[str] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class TracesStopRequest(_message.Message):
    __slots__ = ("trace", "discard")
    TRACE_FIELD_NUMBER: _ClassVar[int]
    DISCARD_FIELD_NUMBER: _ClassVar[int]
    trace: str
    discard: bool
    def __init__(self, trace: _Optional[str] = ..., discard: bool = ...) -> None: ...

class TracesStopResponse(_message.Message):
    __slots__ = ("summary", "zip")
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    ZIP_FIELD_NUMBER: _ClassVar[int]
    summary: TraceSummary
    zip: bytes
    def __init__(self, summary: _Optional[_Union[TraceSummary, _Mapping]] = ..., zip: _Optional[bytes] = ...) -> None: ...

class TraceSummary(_message.Message):
    __slots__ = ("bytes", "events", "packets", "calls", "log_lines", "incomplete", "at")
    BYTES_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    PACKETS_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    LOG_LINES_FIELD_NUMBER: _ClassVar[int]
    INCOMPLETE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    events: int
    packets: int
    calls: int
    log_lines: int
    incomplete: _containers.RepeatedScalarFieldContainer[str]
    at: _common_pb2.Position
    def __init__(self, bytes: _Optional[int] = ..., events: _Optional[int] = ..., packets: _Optional[int] = ..., calls: _Optional[int] = ..., log_lines: _Optional[int] = ..., incomplete: _Optional[_Iterable[str]] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class TracesListRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TracesListResponse(_message.Message):
    __slots__ = ("traces", "at")
    TRACES_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    traces: _containers.RepeatedCompositeFieldContainer[Trace]
    at: _common_pb2.Position
    def __init__(self, traces: _Optional[_Iterable[_Union[Trace, _Mapping]]] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class Trace(_message.Message):
    __slots__ = ("trace", "title", "session", "ended", "at")
    TRACE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    trace: str
    title: str
    session: str
    ended: bool
    at: _common_pb2.Position
    def __init__(self, trace: _Optional[str] = ..., title: _Optional[str] = ..., session: _Optional[str] = ..., ended: bool = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

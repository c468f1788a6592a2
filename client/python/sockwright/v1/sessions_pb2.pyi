import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from sockwright.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OnExpiry(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ON_EXPIRY_UNSPECIFIED: _ClassVar[OnExpiry]
    ON_EXPIRY_RESET: _ClassVar[OnExpiry]
    ON_EXPIRY_FIN: _ClassVar[OnExpiry]
    ON_EXPIRY_VANISH: _ClassVar[OnExpiry]
    ON_EXPIRY_KEEP: _ClassVar[OnExpiry]
ON_EXPIRY_UNSPECIFIED: OnExpiry
ON_EXPIRY_RESET: OnExpiry
ON_EXPIRY_FIN: OnExpiry
ON_EXPIRY_VANISH: OnExpiry
ON_EXPIRY_KEEP: OnExpiry

class OpenRequest(_message.Message):
    __slots__ = ("lease", "on_expiry", "label", "idempotency_key")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    ON_EXPIRY_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    lease: _duration_pb2.Duration
    on_expiry: OnExpiry
    label: str
    idempotency_key: str
    def __init__(self, lease: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., on_expiry: _Optional[_Union[OnExpiry, str]] = ..., label: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class OpenResponse(_message.Message):
    __slots__ = ("session", "lease", "at")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    session: str
    lease: _duration_pb2.Duration
    at: _common_pb2.Position
    def __init__(self, session: _Optional[str] = ..., lease: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class KeepAliveRequest(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: str
    def __init__(self, session: _Optional[str] = ...) -> None: ...

class KeepAliveResponse(_message.Message):
    __slots__ = ("lease", "at")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    lease: _duration_pb2.Duration
    at: _common_pb2.Position
    def __init__(self, lease: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

class SessionsCloseRequest(_message.Message):
    __slots__ = ("session", "on_expiry")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ON_EXPIRY_FIELD_NUMBER: _ClassVar[int]
    session: str
    on_expiry: OnExpiry
    def __init__(self, session: _Optional[str] = ..., on_expiry: _Optional[_Union[OnExpiry, str]] = ...) -> None: ...

class SessionsCloseResponse(_message.Message):
    __slots__ = ("sockets", "at")
    SOCKETS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    sockets: int
    at: _common_pb2.Position
    def __init__(self, sockets: _Optional[int] = ..., at: _Optional[_Union[_common_pb2.Position, _Mapping]] = ...) -> None: ...

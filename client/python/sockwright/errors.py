"""Failed calls as Python's own errors.

try:
    sockets.Connect(...)
except grpc.RpcError as error:
    raise os_error(error) from error        # ConnectionRefusedError: [Errno 111] ...
"""

import errno
from collections.abc import Callable
from typing import Any

import grpc
from google.rpc import status_pb2

from sockwright.v1 import common_pb2
from sockwright.words import state_name

_DETAILS = "grpc-status-details-bin"
_ERRNO = "sockwright-errno"


def socket_error(error: grpc.RpcError) -> common_pb2.SocketError | None:
    """The `SocketError` of a failed call, or None where the server told none."""
    trailers = _trailers(error)
    if _DETAILS in trailers:
        status = status_pb2.Status.FromString(trailers[_DETAILS])
        for detail in status.details:
            found = common_pb2.SocketError()
            if detail.Unpack(found):
                return found
    if _ERRNO in trailers:
        return common_pb2.SocketError(errno_name=trailers[_ERRNO], message=error.details() or "")
    return None


def os_error(error: grpc.RpcError) -> OSError:
    """The error that Python's own socket would have raised, e.g. `ConnectionRefusedError`.

    Its number is this platform's, found by the errno's name, and its `tcp_state` the state in which the call found
    the connection, `SYN-SENT`, or empty. A call that failed without an errno, such as one whose deadline passed,
    gives `TimeoutError`, `PermissionError` where the caller is not known or may not, `ConnectionError` where no server
    answers, or an `OSError` with the name of the status code.
    """
    found = socket_error(error)
    if found is not None:
        raised = OSError(getattr(errno, found.errno_name, found.errno), found.message)
    elif error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
        raised = TimeoutError(errno.ETIMEDOUT, error.details())
    elif error.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        raised = PermissionError(errno.EACCES, error.details())
    elif error.code() == grpc.StatusCode.UNAVAILABLE:
        raised = ConnectionError(f"no server: {error.details()}")
    else:
        raised = OSError(f"{error.code().name}: {error.details()}")
    # What os errors of Python have no field for.
    raised.tcp_state = state_name(found.tcp_state) if found is not None else ""  # type: ignore[attr-defined]
    return raised


def call(method: Callable, request: Any, timeout: float | None = None) -> Any:
    """One call, its failure as Python's own error."""
    try:
        return method(request, timeout=timeout)
    except grpc.RpcError as error:
        raise os_error(error) from error
    except ValueError as error:
        # What grpc says of a channel that was closed.
        raise OSError(errno.EBADF, str(error)) from error


def _trailers(error: grpc.RpcError) -> dict[str, Any]:
    trailers: Any = error.trailing_metadata() or ()
    return dict(trailers)

"""Failed calls as Python's own errors.

    try:
        sockets.Connect(...)
    except grpc.RpcError as error:
        raise os_error(error) from error        # ConnectionRefusedError: [Errno 111] ...
"""

import errno

import grpc
from google.rpc import status_pb2
from sockwright.v1 import common_pb2

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

    Its number is this platform's, found by the errno's name. A call that failed without an errno, such as one whose
    deadline passed, gives `TimeoutError`, or an `OSError` with the name of the status code.
    """
    found = socket_error(error)
    if found is not None:
        number = getattr(errno, found.errno_name, found.errno)
        return OSError(number, found.message)
    if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
        return TimeoutError(errno.ETIMEDOUT, error.details())
    return OSError(f"{error.code().name}: {error.details()}")


def _trailers(error: grpc.RpcError) -> dict[str, str | bytes]:
    return {key: value for key, value in error.trailing_metadata() or ()}

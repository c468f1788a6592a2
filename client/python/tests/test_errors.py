"""Reading errors needs no server."""

import errno

import grpc
from google.rpc import status_pb2

from sockwright import os_error, socket_error
from sockwright.v1 import common_pb2 as common


class Failed(grpc.RpcError):
    """A failed call as grpcio shows it."""

    def __init__(self, code: grpc.StatusCode, details: str, *trailers: tuple[str, str | bytes]) -> None:
        self._code, self._details, self._trailers = code, details, trailers

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        return self._trailers


def test_the_detail_becomes_pythons_own_error() -> None:
    status = status_pb2.Status(code=14)
    detail = common.SocketError(errno_name="ECONNREFUSED", errno=111, message="nobody listens")
    status.details.add().Pack(detail)
    failed = Failed(grpc.StatusCode.UNAVAILABLE, "x", ("grpc-status-details-bin", status.SerializeToString()))
    assert socket_error(failed) == detail
    error = os_error(failed)
    assert isinstance(error, ConnectionRefusedError)
    assert (error.errno, error.strerror) == (errno.ECONNREFUSED, "nobody listens")


def test_the_trailer_alone_is_enough() -> None:
    failed = Failed(grpc.StatusCode.FAILED_PRECONDITION, "shut down", ("sockwright-errno", "EPIPE"))
    assert isinstance(os_error(failed), BrokenPipeError)


def test_a_deadline_is_a_timeout_and_the_rest_is_named_by_its_code() -> None:
    assert isinstance(os_error(Failed(grpc.StatusCode.DEADLINE_EXCEEDED, "late")), TimeoutError)
    failed = Failed(grpc.StatusCode.NOT_FOUND, "no such lab")
    assert socket_error(failed) is None
    assert str(os_error(failed)) == "NOT_FOUND: no such lab"

"""Where a server is, how it is known to be that one, and who calls it.

| argument of `connect` | else from | |
|---|---|---|
| `target` | `SOCKWRIGHT_SERVER` | `127.0.0.1:50051`, `http://...`, `https://...` for TLS, `unix:/path` |
| `token` | `SOCKWRIGHT_TOKEN`, the file `SOCKWRIGHT_TOKEN_FILE` | the bearer token that each call carries |
| `ca` | `SOCKWRIGHT_CA` | with TLS: the file of the authorities that are believed; otherwise grpc's own |
| `cert`, `key` | `SOCKWRIGHT_CERT`, `SOCKWRIGHT_KEY` | with TLS: the files of a certificate of one's own |
| `insecure` | `SOCKWRIGHT_INSECURE=1` | the token may go in clear to another machine: the network is private |

Without `insecure`, a token goes over TLS, to loopback and to Unix sockets alone.
Files are PEM, and are read as the connection is made.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from os import PathLike
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

NOWHERE = "127.0.0.1:50051"
"""Where a server is that nobody named."""
CHANNEL_OPTIONS = (
    # A call may wait for hours; a server that is gone should not take as long to be missed.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)


@dataclass(frozen=True)
class Access:
    """What is needed to call a server."""

    target: str
    credentials: "grpc.ChannelCredentials | None"
    token: str = field(repr=False)

    @classmethod
    def to(
        cls,
        target: "str | None" = None,
        *,
        token: "str | None" = None,
        ca: "str | PathLike[str] | None" = None,
        cert: "str | PathLike[str] | None" = None,
        key: "str | PathLike[str] | None" = None,
        insecure: "bool | None" = None,
    ) -> "Access":
        """What the arguments say, and the environment where they do not.

        OSError: a file that cannot be read. ValueError: no such address, or a token that would go there in clear.
        """
        target = target or os.environ.get("SOCKWRIGHT_SERVER") or NOWHERE
        scheme, separator, rest = target.partition("://")
        if separator and scheme not in ("http", "https"):
            raise ValueError(f"{target}: neither http:// nor https://, nor unix:/path, nor host:port")
        credentials = None
        if separator and scheme == "https":
            credentials = grpc.ssl_channel_credentials(
                root_certificates=_file(ca, "SOCKWRIGHT_CA"),
                private_key=_file(key, "SOCKWRIGHT_KEY"),
                certificate_chain=_file(cert, "SOCKWRIGHT_CERT"),
            )
        access = cls(rest.rstrip("/") if separator else target, credentials, _token(token))
        if insecure is None:
            insecure = os.environ.get("SOCKWRIGHT_INSECURE") == "1"
        if access.token and not (insecure or credentials or access._stays_here()):
            raise ValueError(
                f"{target}: the token would go there in clear: name the server with https://, or set"
                " SOCKWRIGHT_INSECURE=1 where the network is private"
            )
        return access

    def channel(self) -> grpc.Channel:
        """A channel of the calling kind."""
        if self.credentials is None:
            channel = grpc.insecure_channel(self.target, options=self._options())
        else:
            channel = grpc.secure_channel(self.target, self.credentials, options=self._options())
        return grpc.intercept_channel(channel, _Bearer(self.token)) if self.token else channel

    def aio_channel(self) -> grpc.aio.Channel:
        """A channel of the awaiting kind."""
        kinds = (_AioUnaryUnary, _AioUnaryStream, _AioStreamUnary, _AioStreamStream)
        interceptors = [kind(self.token) for kind in kinds] if self.token else []
        if self.credentials is None:
            return grpc.aio.insecure_channel(self.target, options=self._options(), interceptors=interceptors)
        return grpc.aio.secure_channel(
            self.target, self.credentials, options=self._options(), interceptors=interceptors
        )

    def _stays_here(self) -> bool:
        """Whether what goes to the target does not leave the machine: a name but localhost leads wherever DNS says."""
        if self.target.startswith("unix:"):
            return True
        host = _HOST.fullmatch(self.target)
        name = host["six"] or host["name"] if host else ""
        try:
            return name.lower() == "localhost" or ip_address(name).is_loopback
        except ValueError:
            return False

    def _options(self) -> "Sequence[tuple[str, Any]]":
        if self.target.startswith("unix:"):
            # What grpc makes of a path is no authority that HTTP knows.
            return (*CHANNEL_OPTIONS, ("grpc.default_authority", "localhost"))
        # What stays on the machine goes to no proxy of the environment's, which grpc would ask.
        return (*CHANNEL_OPTIONS, ("grpc.enable_http_proxy", 0)) if self._stays_here() else CHANNEL_OPTIONS


_HOST = re.compile(r"(?:\[(?P<six>[^]]*)\]|(?P<name>[^:]*))(?::\d+)?")
"""The host of host:port."""


def _token(given: "str | None") -> str:
    if given is None:
        given = os.environ.get("SOCKWRIGHT_TOKEN") or None
    if given is None and (file := os.environ.get("SOCKWRIGHT_TOKEN_FILE")):
        given = Path(file).read_text(encoding="utf-8")
    token = (given or "").strip()
    if not (token.isascii() and token.isprintable()):
        raise ValueError("the token has characters that no token has")
    return token


def _file(given: "str | PathLike[str] | None", variable: str) -> "bytes | None":
    name = given or os.environ.get(variable)
    return Path(name).read_bytes() if name else None


class _Bearing:
    """Puts the token beside what a call carries anyway."""

    def __init__(self, token: str) -> None:
        self._entry = ("authorization", f"Bearer {token}")


class _Call(grpc.ClientCallDetails):
    """A call of the same kind, with its metadata."""

    def __init__(self, details: Any, metadata: Any) -> None:
        self.method = details.method
        self.timeout = details.timeout
        self.metadata = metadata
        self.credentials = details.credentials
        self.wait_for_ready = details.wait_for_ready
        self.compression = details.compression


class _Bearer(
    _Bearing,
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    def _intercept(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(_Call(details, (*(details.metadata or ()), self._entry)), request)

    # One for all kinds; grpc's types have one each.
    intercept_unary_unary: Any = _intercept
    intercept_unary_stream: Any = _intercept
    intercept_stream_unary: Any = _intercept
    intercept_stream_stream: Any = _intercept


class _AioBearing(_Bearing):
    async def _intercept(self, continuation: Any, details: Any, request: Any) -> Any:
        metadata = grpc.aio.Metadata(*(details.metadata or ()), self._entry)
        return await continuation(details._replace(metadata=metadata), request)

    intercept_unary_unary = intercept_unary_stream = intercept_stream_unary = intercept_stream_stream = _intercept


# grpc asks each of these for one kind of call, and takes it for one kind only.
class _AioUnaryUnary(_AioBearing, grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[type-arg]
    pass


class _AioUnaryStream(_AioBearing, grpc.aio.UnaryStreamClientInterceptor):  # type: ignore[type-arg]
    pass


class _AioStreamUnary(_AioBearing, grpc.aio.StreamUnaryClientInterceptor):  # type: ignore[type-arg]
    pass


class _AioStreamStream(_AioBearing, grpc.aio.StreamStreamClientInterceptor):  # type: ignore[type-arg]
    pass

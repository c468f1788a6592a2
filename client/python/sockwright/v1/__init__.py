"""The contract `sockwright.v1`: every message, enum value and stub of the package under one name.

    import sockwright.v1 as sw

    sockets = sw.SocketsStub(channel)
    sockets.Create(sw.CreateRequest(stack="lab/a"))

What each means is in the comments of `proto/`.
"""

from .common_pb2 import *  # noqa: F403
from .events_pb2 import *  # noqa: F403
from .events_pb2_grpc import EventsStub
from .networks_pb2 import *  # noqa: F403
from .networks_pb2_grpc import NetworksStub
from .sessions_pb2 import *  # noqa: F403
from .sessions_pb2_grpc import SessionsStub
from .sockets_pb2 import *  # noqa: F403
from .sockets_pb2_grpc import SocketsStub
from .traces_pb2 import *  # noqa: F403
from .traces_pb2_grpc import TracesStub
from .traffic_pb2 import *  # noqa: F403
from .traffic_pb2_grpc import TrafficStub

__all__ = [name for name in globals() if not name.startswith("_")] + [
    "EventsStub",
    "NetworksStub",
    "SessionsStub",
    "SocketsStub",
    "TracesStub",
    "TrafficStub",
]

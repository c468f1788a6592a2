"""The Python client of Sockwright: real TCP and UDP peers, driven and watched over gRPC.

`connect` names a server; what it gives has labs, stacks and sockets with the names of Python's own. `sockwright.aio`
is the same for `async`. The contract itself is `sockwright.v1`; its documentation is in the comments of `proto/`.
"""

from sockwright.client import Client, Lab, Session, Stack, connect
from sockwright.errors import os_error, socket_error
from sockwright.sockets import Socket
from sockwright.watch import Watch

__all__ = ["Client", "Lab", "Session", "Socket", "Stack", "Watch", "connect", "os_error", "socket_error"]

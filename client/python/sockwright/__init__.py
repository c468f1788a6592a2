"""The Python client of Sockwright: real TCP and UDP peers, driven and watched over gRPC.

The contract is `sockwright.v1`; its documentation is in the comments of `proto/`. `sockwright.errors` turns a failed
call into Python's own error.
"""

from sockwright.errors import os_error, socket_error

__all__ = ["os_error", "socket_error"]

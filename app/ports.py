"""TCP ports of this machine."""

from __future__ import annotations

import socket

from core.errors import CamrecError


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_port_like(port: int) -> int:
    """That port, or another one where it is taken."""
    try:
        check_port_is_free("127.0.0.1", port)
    except CamrecError:
        return free_port()
    return port


def check_port_is_free(host: str, port: int) -> None:
    """Raise where another program listens there.

    Raises:
        CamrecError: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CamrecError(
                f"camrec cannot listen on {host}:{port}: {error.strerror}. Choose another port with --port."
            ) from None

"""Hosts on this machine: network namespaces with addresses of their own, on a network and on one of cameras.

The test itself stands on both networks. The networks are of the range for tests of network devices (RFC 2544).
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psutil
import pytest

LAN = "198.18.77"
CAMERAS = "198.18.78"
NETWORK = "198.18.0.0/15"
HUB = 1
"""Last part of the test's own address."""


class Host:
    """One namespace."""

    def __init__(self, prefix: str, name: str, number: int) -> None:
        self.name = name
        self.address = f"{LAN}.{number}"
        self._namespace = f"{prefix}-{name}"
        self._links = {LAN: f"{prefix}{name}l", CAMERAS: f"{prefix}{name}c"}
        _ip("netns", "add", self._namespace)
        _ip("-n", self._namespace, "link", "set", "lo", "up")
        for device, (network, link) in enumerate(self._links.items()):
            eth = f"eth{device}"
            _ip("link", "add", link, "type", "veth", "peer", "name", eth, "netns", self._namespace)
            _ip("link", "set", link, "master", _bridge(prefix, network), "up")
            _ip("-n", self._namespace, "addr", "add", f"{network}.{number}/24", "dev", eth)
            _ip("-n", self._namespace, "link", "set", eth, "up")

    def command(self, *arguments: str, env: Mapping[str, str] | None = None) -> list[str]:
        """The command that runs there, with these variables beside the test's own."""
        variables = [f"{name}={value}" for name, value in (env or {}).items()]
        return ["ip", "netns", "exec", self._namespace, "env", *variables, *arguments]

    def set_lan(self, *, up: bool) -> None:
        """Plug its network cable in or out; it sees the cameras all the same."""
        _ip("link", "set", self._links[LAN], "up" if up else "down")

    def remove(self) -> None:
        """End it, with its links; no process may run there."""
        _ip("netns", "del", self._namespace)


@contextmanager
def hosts(names: Sequence[str]) -> Iterator[list[Host]]:
    """Hosts of these names. Skips the test where this machine cannot have any."""
    if os.getuid() != 0:
        pytest.skip("network namespaces need root")
    if shutil.which("ip") is None:
        pytest.skip("network namespaces need iproute2")
    _remove_what_killed_tests_left()
    prefix = f"cr{os.getpid()}"
    made: list[Host] = []
    try:
        for network in (LAN, CAMERAS):
            bridge = _bridge(prefix, network)
            _ip("link", "add", bridge, "type", "bridge")
            _ip("addr", "add", f"{network}.{HUB}/24", "dev", bridge)
            _ip("link", "set", bridge, "up")
        for number, name in enumerate(names, HUB + 1):
            made.append(Host(prefix, name, number))
            if not _reaches_test(made[-1]):
                pytest.skip("a namespace on a bridge does not reach the test on this machine")
        yield made
    except _NoNamespacesError as error:
        pytest.skip(f"no network namespaces here: {error}")
    finally:
        for host in made:
            host.remove()
        for network in (LAN, CAMERAS):
            subprocess.run(["ip", "link", "del", _bridge(prefix, network)], capture_output=True)


def _remove_what_killed_tests_left() -> None:
    for kind in ("netns", "link"):
        listed = subprocess.run(
            ["ip", *(["-br"] if kind == "link" else []), kind, "list"], capture_output=True, text=True
        )
        for name in re.findall(r"^cr\d+(?:-\w+|lan|cam)", listed.stdout, re.MULTILINE):
            if not psutil.pid_exists(int(re.findall(r"\d+", name)[0])):
                subprocess.run(["ip", kind, "del", name], capture_output=True)


class _NoNamespacesError(Exception):
    pass


def _reaches_test(host: Host) -> bool:
    """Firewall rules for containers may hold back what crosses a bridge."""
    with socket.create_server((f"{LAN}.{HUB}", 0)) as server:
        command = f"exec 3<>/dev/tcp/{LAN}.{HUB}/{server.getsockname()[1]}"
        return subprocess.run(host.command("timeout", "3", "bash", "-c", command), capture_output=True).returncode == 0


def _bridge(prefix: str, network: str) -> str:
    return f"{prefix}{'lan' if network == LAN else 'cam'}"


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise _NoNamespacesError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")

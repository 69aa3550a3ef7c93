"""Redis as several servers on loopback: a cluster of three, and a master with a replica that a sentinel watches."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

SLOTS = 16_384
NODES = 3
NAME = "shop"
PATIENCE = 60.0  # seconds that a fleet may take to come together


def free_ports(count: int) -> list[int]:
    """So many loopback ports that nobody listens on."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def until(what: Callable[[], object]) -> None:
    """Waits for it; a server that does not answer yet is waited for, too."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if what():
                return
        except redis.RedisError:
            pass
        assert time.monotonic() < end, "the servers did not come together"
        time.sleep(0.02)


class Node:
    """One server on a port, in a folder of its own."""

    def __init__(self, folder: Path, port: int, *options: str, file: str = "") -> None:
        folder.mkdir()
        self.port = port
        self._folder, self._options = folder, ["--port", str(port), "--bind", "127.0.0.1", *options]
        self._file = folder / "redis.conf"
        self._file.write_text(file)
        self.client: Any = redis.Redis(port=port, socket_timeout=5)
        self.start()

    def start(self) -> None:
        """Starts it, again if need be, with nothing in it."""
        for kept in self._folder.glob("*.rdb"):
            kept.unlink()
        command = ["redis-server", str(self._file), *self._options, "--dir", str(self._folder), "--save", ""]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(lambda: self.process.poll() is not None or self.client.ping())
        assert self.process.poll() is None

    def kill(self) -> None:
        """Ends it as a crash does."""
        self.process.kill()
        self.process.wait(10)

    def close(self) -> None:
        """Ends it for good."""
        self.kill()
        self.client.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class Cluster:
    """Three nodes that share the slots evenly; no replicas."""

    def __init__(self, folder: Path) -> None:
        ports = free_ports(2 * NODES)
        self.nodes = [
            Node(
                folder / f"node-{port}",
                port,
                *("--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-config-file", "nodes.conf"),
            )
            for port, bus in zip(ports[:NODES], ports[NODES:], strict=True)
        ]
        for n, (node, bus) in enumerate(zip(self.nodes, ports[NODES:], strict=True)):
            node.client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
            first, last = SLOTS * n // NODES, SLOTS * (n + 1) // NODES - 1
            node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            self.nodes[0].client.execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        until(lambda: all(self._whole(node) for node in self.nodes))
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[:2])

    @staticmethod
    def _whole(node: Node) -> bool:
        told: bytes = node.client.execute_command("CLUSTER", "INFO")
        return b"cluster_state:ok" in told and b"cluster_known_nodes:%d" % NODES in told

    def close(self) -> None:
        """Ends all of it."""
        for node in self.nodes:
            node.close()


class Watched:
    """A master, its replica, and a sentinel that makes the replica the master when there is none."""

    def __init__(self, folder: Path) -> None:
        first, second, third = free_ports(3)
        quick = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
        self.nodes = [
            Node(folder / f"one-{first}", first, *quick),
            Node(folder / f"two-{second}", second, *quick, "--replicaof", f"127.0.0.1 {first}"),
        ]
        until(lambda: self._follows(self.nodes[1]))
        watch = [
            f"sentinel monitor {NAME} 127.0.0.1 {first} 1",
            f"sentinel down-after-milliseconds {NAME} 300",
            f"sentinel failover-timeout {NAME} 1000",
        ]
        self.sentinel = Node(folder / f"sentinel-{third}", third, "--sentinel", file="\n".join(watch) + "\n")
        # It asks every ten seconds otherwise, and every second whether somebody lives.
        self.sentinel.client.execute_command("SENTINEL", "DEBUG", "info-period", 100, "ping-period", 50)
        until(lambda: self._master()["num-slaves"] == 1 and self._master()["flags"] == "master")
        self.url = f"redis+sentinel://127.0.0.1:{third}/{NAME}"

    @property
    def master(self) -> Node:
        """The master, as the sentinel has it."""
        return next(node for node in self.nodes if node.port == self._master()["port"])

    @property
    def replica(self) -> Node:
        """The other one."""
        return next(node for node in self.nodes if node.port != self._master()["port"])

    def fail_over(self, lost: Callable[[], object]) -> None:
        """The replica takes over from a master that has crashed, and has nothing of what `lost` did there just
        before. The old master stays away."""
        old, new = self.master, self.replica
        # It is turned away when it calls again.
        new.client.config_set("masterauth", "wrong")
        old.client.client_kill_filter(_type="replica")
        until(lambda: new.client.info("replication")["master_link_status"] == "down")
        lost()
        old.kill()
        until(lambda: self.master is new and new.client.info("replication")["role"] == "master")

    def _master(self) -> Any:
        return self.sentinel.client.sentinel_master(NAME)

    @staticmethod
    def _follows(node: Node) -> bool:
        told: Any = node.client.info("replication")
        return (told["role"], told["master_link_status"]) == ("slave", "up")

    def close(self) -> None:
        """Ends all of it."""
        for node in (self.sentinel, *self.nodes):
            node.close()


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A cluster that forgets all when it ends."""
    fleet = Cluster(folder)
    try:
        yield fleet
    finally:
        fleet.close()


@contextmanager
def watched(folder: Path) -> Iterator[Watched]:
    """A master, a replica and a sentinel that forget all when they end."""
    fleet = Watched(folder)
    try:
        yield fleet
    finally:
        fleet.close()

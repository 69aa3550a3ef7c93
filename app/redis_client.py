"""From a Redis URL to a client: one server, Sentinel or Cluster, or the embedded one.

redis://, rediss://, unix://                     one server, as redis-py reads them
redis+sentinel://host:port,host:port/name[/db]   the master of that name, which the sentinels know
redis+cluster://host:port,host:port              a cluster, found by any of its nodes
memory://                                        in this process, for the demo and for development
"""

from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import redis.asyncio as redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError

MEMORY = "memory://"
SENTINEL = "redis+sentinel"
CLUSTER = "redis+cluster"
CONNECTIONS = 50
POOL_TIMEOUT = 5.0  # seconds that a command waits for a connection of the pool
# What a client raises whose Redis is away. A cluster that cannot be found is no RedisError to redis-py.
AWAY = (RedisError, RedisClusterException, OSError, TimeoutError)


def connect(url: str, timeout: float) -> Any:
    """A client that connects when it is first asked, waits `timeout` seconds for an answer, and tries nothing twice:
    redis-py's own retries cost more than an answer that says so. Raises `ValueError` for a URL that is none."""
    if url == MEMORY:
        from burner_redis import BurnerRedis  # noqa: PLC0415 - only the demo and development need it

        return BurnerRedis()
    parts = urlsplit(url)
    options: dict[str, Any] = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    once = Retry(NoBackoff(), 0)
    if parts.scheme in (SENTINEL, CLUSTER):
        hosts = [_host(each) for each in parts.netloc.rpartition("@")[2].split(",")]
        user, _, password = parts.netloc.rpartition("@")[0].partition(":")
        login: dict[str, Any] = {"username": unquote(user) or None, "password": unquote(password) or None}
        if parts.scheme == CLUSTER:
            nodes = [ClusterNode(host, port) for host, port in hosts]
            return RedisCluster(startup_nodes=nodes, max_connections=CONNECTIONS, retry=once, **login, **options)
        name, _, database = parts.path.strip("/").partition("/")
        if not name:
            raise ValueError("a sentinel's URL ends with the name of the master")
        sentinels = Sentinel(hosts, **options)  # type: ignore[no-untyped-call]
        return sentinels.master_for(name, db=int(database or 0), retry=once, **login, **options)
    # A pool that is used up waits for a connection; redis-py's usual one fails the command instead.
    pool = redis.BlockingConnectionPool.from_url(
        url, max_connections=CONNECTIONS, timeout=POOL_TIMEOUT, retry=once, **options
    )
    return redis.Redis.from_pool(pool)


def _host(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError("hosts are host:port, separated by commas")
    return host, int(port)


async def subscribed(client: Any, channel: str) -> Any:
    """A subscription to a channel, on a connection of its own that the caller closes. Raises what is in `AWAY`."""
    if isinstance(client, RedisCluster):
        # A subscription alone does not find out which node has what, and fails with a KeyError.
        await client.initialize()
    subscription = client.pubsub()
    try:
        await subscription.subscribe(channel)
    except AWAY:
        with suppress(*AWAY):
            await subscription.aclose()
        raise
    return subscription


async def disconnect(client: Any) -> None:
    """Closes a client's connections, those to its sentinels too; the embedded one has none."""
    if isinstance(client, redis.Redis | RedisCluster):
        await client.aclose()
    pool = getattr(client, "connection_pool", None)
    if isinstance(pool, SentinelConnectionPool):
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()

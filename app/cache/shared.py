"""The tier in Redis that all processes share, and the fence that keeps old data out of it.

Every entry names its tags, each with the generation that the tag had when the entry was filled. A purge of a tag
deletes its generation; the next fill makes a new random one. So an entry is good while all its generations are the
present ones: one that is missing, because it was purged or evicted, is as good as changed.

A refill that is under way while its tags are purged must not be kept. What it depends on is known only when it has come
in, so each store view has a log: a purge writes its tags there under the next number. A fetch takes a ticket first (the
log's id and number), and its fill is refused when the log is another one or has one of its tags under a later number.

A server that takes over from a failed one may not have heard of the last purges. Entries and logs carry the run id of
the server that they were made on, and are nothing to another. An evicted log comes back under another id: what was
under way is refused, what is kept stays good.

All keys of a store view carry its code as a hash tag (Redis Cluster specification, Hash tags): its scripts run on one
node, and store views spread over the nodes. Tags are percent-encoded: in Redis they never hold white space.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from redis.exceptions import NoScriptError

from app.cache.entry import Entry
from app.redis_client import disconnect

PREFIX = "vitrine:cache:"
CHANNEL = f"{PREFIX}purges"
STORES = f"{PREFIX}stores"
LONGEST = 8 * 86_400.0  # seconds that a generation is kept after the last fill: more than any entry
LOG_KEPT = 3_600_000  # milliseconds without a fetch after which a log is forgotten
LOG_LENGTH = 50_000  # purged tags after which a log is begun anew
BEAT = 200  # milliseconds between heartbeats of a store view, at least

# INFO is asked by pcall: the embedded Redis has not got it.
_RUN = """
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or '-'
"""
# KEYS: log. ARGV: a new id, how long it is kept.
_LOG = (
    _RUN
    + """
local id, seq = redis.call('HGET', KEYS[1], 'id'), redis.call('HGET', KEYS[1], 'seq')
if not id or redis.call('HGET', KEYS[1], 'run') ~= run then
  id, seq = ARGV[1], '0'
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'id', id)
  redis.call('HSET', KEYS[1], 'run', run)
  redis.call('HSET', KEYS[1], 'seq', seq)
end
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[2]))
"""
)
_TICKET = _LOG + "return {id, seq}"
# KEYS: log, entries. ARGV: a new id, how long, the prefix of generations. Gives meta, tags and body of each, or false.
_LOOK = (
    _LOG
    + """
local found, present = {id, seq}, {}
for n = 2, #KEYS do
  local entry = false
  if redis.call('HGET', KEYS[n], 'run') == run then
    local tags = redis.call('HGET', KEYS[n], 'tags')
    local good = true
    for tag, generation in string.gmatch(tags, '(%S+) (%S+)') do
      if present[tag] == nil then
        present[tag] = redis.call('GET', ARGV[3] .. tag)
      end
      if present[tag] ~= generation then
        good = false
        break
      end
    end
    if good then
      entry = {redis.call('HGET', KEYS[n], 'meta'), tags, redis.call('HGET', KEYS[n], 'body')}
    end
  end
  found[n + 1] = entry
end
return found
"""
)
# KEYS: log, entry. ARGV: a new id, how long, the prefix, the ticket's id and number, random, how long generations and
# the entry are kept, its meta and body, its tags.
_FILL = (
    _LOG
    + """
if id ~= ARGV[4] then
  return {id, seq, 0}
end
for n = 11, #ARGV do
  local purged = redis.call('HGET', KEYS[1], 't' .. ARGV[n])
  if purged and tonumber(purged) > tonumber(ARGV[5]) then
    return {id, seq, 0}
  end
end
local tags = {}
for n = 11, #ARGV do
  local generation = redis.call('GET', ARGV[3] .. ARGV[n]) or (ARGV[6] .. n)
  redis.call('SET', ARGV[3] .. ARGV[n], generation, 'PX', tonumber(ARGV[7]))
  tags[#tags + 1] = ARGV[n] .. ' ' .. generation
end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'run', run)
redis.call('HSET', KEYS[2], 'meta', ARGV[9])
redis.call('HSET', KEYS[2], 'body', ARGV[10])
redis.call('HSET', KEYS[2], 'tags', table.concat(tags, ' '))
redis.call('PEXPIRE', KEYS[2], tonumber(ARGV[8]))
return {id, seq, 1}
"""
)
# KEYS: log. ARGV: a new id, how long, the prefix, the channel, the store view, the longest log, its tags.
_PURGE = (
    _LOG
    + """
seq = string.format('%d', tonumber(seq) + 1)
redis.call('HSET', KEYS[1], 'seq', seq)
local length = tonumber(redis.call('HGET', KEYS[1], 'length') or '0')
for n = 7, #ARGV do
  redis.call('DEL', ARGV[3] .. ARGV[n])
  length = length + redis.call('HSET', KEYS[1], 't' .. ARGV[n], seq)
end
redis.call('HSET', KEYS[1], 'length', string.format('%d', length))
redis.call('PUBLISH', ARGV[4], 'purge ' .. ARGV[5] .. ' ' .. id .. ' ' .. seq .. ' ' .. table.concat(ARGV, ' ', 7))
if length > tonumber(ARGV[6]) then
  redis.call('DEL', KEYS[1])
end
return {id, seq}
"""
)
# KEYS: log, beat. ARGV: a new id, how long, the channel, the store view, the least pause.
_BEAT = (
    _LOG
    + """
if redis.call('SET', KEYS[2], '1', 'PX', tonumber(ARGV[5]), 'NX') then
  redis.call('PUBLISH', ARGV[3], 'beat ' .. ARGV[4] .. ' ' .. id .. ' ' .. seq)
end
return {id, seq}
"""
)
# KEYS: lease. ARGV: the holder.
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1
"""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A place in a store view's log of purges: all up to `seq` of the log `id` came before it."""

    id: bytes
    seq: int

    def covers(self, other: Ticket) -> bool:
        """Whether everything that was purged before the other was purged before this."""
        return self.id == other.id and self.seq >= other.seq


class Shared:
    """The tier in Redis. `client` is a client of redis-py, or the embedded one, whose errors every method raises."""

    def __init__(self, client: Any) -> None:
        self._redis = client
        self._hashes: dict[str, str] = {}

    async def ticket(self, store: str) -> Ticket:
        """The present place in the log; taken before a fetch."""
        return _ticket(await self._run(_TICKET, [_log(store)], _new_log()))

    async def look(self, store: str, keys: Sequence[str]) -> tuple[Ticket, list[Entry | None]]:
        """The entries under these keys that are good, in their order, and the place in the log that this holds for."""
        places = [_log(store), *(_entry(store, key) for key in keys)]
        found = await self._run(_LOOK, places, [*_new_log(), _generations(store)])
        return _ticket(found), [_read(each) for each in found[2:]]

    async def fill(self, store: str, key: str, ticket: Ticket, entry: Entry, now: float) -> tuple[Ticket, bool]:
        """Keeps an entry that was fetched under a ticket. False: what it depends on was purged meanwhile, or may have
        been, and it was not kept."""
        arguments = [
            *_new_log(),
            _generations(store),
            ticket.id,
            str(ticket.seq),
            f"{secrets.token_hex(8)}.",
            str(int(LONGEST * 1000)),
            str(max(1, int((min(entry.error, now + LONGEST / 2) - now) * 1000))),
            entry.meta(),
            entry.body,
            *map(_tag, entry.tags),
        ]
        found = await self._run(_FILL, [_log(store), _entry(store, key)], arguments)
        return _ticket(found), bool(found[2])

    async def purge(self, store: str, tags: Collection[str]) -> Ticket:
        """Makes everything of a store view that depends on one of these tags as if it had never been kept."""
        arguments = [*_new_log(), _generations(store), CHANNEL, store, str(LOG_LENGTH), *map(_tag, tags)]
        return _ticket(await self._run(_PURGE, [_log(store)], arguments))

    async def beat(self, store: str) -> Ticket:
        """Tells all processes that messages arrive, if none did just now."""
        keys = [_log(store), f"{PREFIX}{{{store}}}:beat"]
        return _ticket(await self._run(_BEAT, keys, [*_new_log(), CHANNEL, store, str(BEAT)]))

    async def note(self, store: str) -> None:
        """Notes that there is such a store view."""
        await self._redis.sadd(STORES, store)

    async def stores(self) -> set[str]:
        """The store views that any process has noted."""
        return {_plain(store) for store in await self._redis.smembers(STORES)}

    async def count(self) -> Counter[tuple[str, str]]:
        """How many entries there are, by store view and operation. It looks at every key: for people."""
        counted: Counter[tuple[str, str]] = Counter()
        async for key in self._redis.scan_iter(match=f"{PREFIX}*:entry:*"):
            store, _, rest = _plain(key).removeprefix(f"{PREFIX}{{").partition("}:entry:")
            counted[store, rest.partition(":")[0]] += 1
        return counted

    async def lease(self, store: str, key: str, holder: str, seconds: float) -> bool:
        """Takes the right to fetch what belongs under a key, for so long at most; False: another has it."""
        milliseconds = max(1, int(seconds * 1000))
        return bool(await self._redis.set(_lease(store, key), holder, px=milliseconds, nx=True))

    async def release(self, store: str, key: str, holder: str) -> None:
        """Gives that right back."""
        await self._run(_RELEASE, [_lease(store, key)], [holder])

    async def close(self) -> None:
        """Closes the client's connections."""
        await disconnect(self._redis)

    async def ping(self) -> None:
        """Asks for something that does not exist."""
        await self._redis.get(f"{PREFIX}ping")

    async def _run(self, script: str, keys: list[str], arguments: list[Any]) -> Any:
        digest = self._hashes.get(script)
        if digest is not None:
            try:
                return await self._redis.evalsha(digest, len(keys), *keys, *arguments)
            except NoScriptError:
                pass
        found = await self._redis.eval(script, len(keys), *keys, *arguments)
        self._hashes[script] = _sha1(script)
        return found


def _sha1(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


def _read(found: Any) -> Entry | None:
    if not found:
        return None
    meta, tags, body = found
    try:
        names = tags.decode().split(" ")[::2]
        return Entry.read(meta, (map(unquote, filter(None, names)) if b"%" in tags else filter(None, names)), body)
    except ValueError:
        return None


def _new_log() -> list[str]:
    return [secrets.token_hex(8), str(LOG_KEPT)]


def _ticket(found: Any) -> Ticket:
    return Ticket(bytes(found[0]), int(found[1]))


def _log(store: str) -> str:
    return f"{PREFIX}{{{store}}}:log"


def _entry(store: str, key: str) -> str:
    return f"{PREFIX}{{{store}}}:entry:{key}"


def _lease(store: str, key: str) -> str:
    return f"{PREFIX}{{{store}}}:lease:{key}"


def _generations(store: str) -> str:
    return f"{PREFIX}{{{store}}}:tag:"


def _plain(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _tag(tag: str) -> str:
    return quote(tag, safe=":/")

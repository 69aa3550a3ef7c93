"""The read cache: what public reads of Commerce answered, in Redis for all processes and in each process for itself."""

from app.cache.cache import Cache, Fetched, Found, Unshared
from app.cache.entry import Entry, Times, key_of
from app.cache.listening import Listening
from app.cache.local import Local
from app.cache.shared import Shared, Ticket

__all__ = [
    "Cache",
    "Entry",
    "Fetched",
    "Found",
    "Listening",
    "Local",
    "Shared",
    "Ticket",
    "Times",
    "Unshared",
    "key_of",
]

"""The only HTTP client: pools, deadlines, retries of reads, a breaker, bounded answers (docs/decisions/0016)."""

from app.http.messages import Answer, Auth
from app.http.upstream import Breaker, Upstream

__all__ = ["Answer", "Auth", "Breaker", "Upstream"]

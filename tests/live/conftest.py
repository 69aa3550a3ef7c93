"""Without a Commerce to run against, nothing of this folder is collected: a plain run has no skipped tests."""

import os

collect_ignore_glob = [] if os.environ.get("COMMERCE_URL") else ["test_*.py"]

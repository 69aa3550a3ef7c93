"""How Commerce says that something went wrong."""

from __future__ import annotations

import hashlib
from typing import Any

INPUT = "graphql-input"
NO_SUCH_ENTITY = "graphql-no-such-entity"
AUTHORIZATION = "graphql-authorization"
AUTHENTICATION = "graphql-authentication"
INTERNAL = "internal"
PLAIN = "graphql"
ALREADY_EXISTS = "graphql-already-exists"


class CommerceError(Exception):
    """An error that a resolver reports by name: its message and the category that clients tell errors apart by."""

    def __init__(self, message: str, category: str = INPUT, **extensions: str) -> None:
        super().__init__(message)
        self.message = message
        self.category = category
        self.extensions = {"category": category, **extensions}


class Pathless(CommerceError):
    """An error that Commerce reports without saying where: neither locations nor path (cart-052)."""


class RestError(Exception):
    """A refusal of the REST interface: messages keep their placeholders, `parameters` fills them (rest-007)."""

    def __init__(self, status: int, message: str, parameters: dict[str, Any] | list[str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"message": message}
        if parameters:
            self.body["parameters"] = parameters


def html_error(public_url: str, cause: str) -> str:
    """The page that Magento shows when its application died, as in gql-205 to gql-214."""
    record = hashlib.sha256(cause.encode()).hexdigest()
    return f"""<!doctype html>
<html xmlns="http://www.w3.org/1999/xhtml" >
<head>
    <title>There has been an error processing your request</title>
    <base href="{public_url}/errors/default/" />
    <meta http-equiv="Content-Type" content="text/html; charset=utf-8" />
    <meta name="robots" content="*"/>
    <link rel="stylesheet" href="css/styles.css" type="text/css" />
</head>
<body>
    <main class="page-main">
<h1>There has been an error processing your request</h1>
    <p><em>Exception printing is disabled by default for security reasons.</em></p>
    <p>Error log record number: {record}</p>
    </main>
</body>
</html>
"""


MAINTENANCE = """<!doctype html>
<html xmlns="http://www.w3.org/1999/xhtml" >
<head>
    <title>Service Temporarily Unavailable</title>
    <meta name="robots" content="*"/>
</head>
<body>
    <main class="page-main">
<h1>Service Temporarily Unavailable</h1>
    <p>The server is temporarily unable to service your request due to maintenance downtime or capacity problems.
    Please try again later.</p>
    </main>
</body>
</html>
"""

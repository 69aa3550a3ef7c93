"""Stand-ins for the systems that Vitrine talks to, for `make demo`, for tests and for conformance.

Nothing here imports the rest of the product: the demo points the ordinary settings at these servers.
"""

"""The journeys against a real Commerce."""

"""Charts, pictures of positions, and the report's page."""

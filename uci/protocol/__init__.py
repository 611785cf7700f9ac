"""The UCI protocol: parsing, options, a session, and the thread that thinks."""

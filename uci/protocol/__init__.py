"""The UCI protocol: parser, options, session, and the answers to ``go``."""

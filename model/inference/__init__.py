"""What play asks a network: distributions over the value of each legal move."""

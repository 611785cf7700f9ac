"""The networks in Haiku: both architectures, and the file that holds one."""

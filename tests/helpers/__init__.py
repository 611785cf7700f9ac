"""What several tests share: stand-ins, random positions, programs to talk to."""

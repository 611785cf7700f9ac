"""Records -> a dataset directory, in parallel and resumable, with Apache Beam."""

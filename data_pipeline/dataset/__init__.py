"""What a dataset is on disk: records, shards, and counts over them."""

"""The dataset format: records, shards, and counts over them."""

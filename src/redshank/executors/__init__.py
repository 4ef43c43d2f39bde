"""Executors: where the work of a run happens, shard by shard."""

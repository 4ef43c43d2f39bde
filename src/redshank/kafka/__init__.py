"""How to reach Kafka: the same for what writes to it and what reads from it."""

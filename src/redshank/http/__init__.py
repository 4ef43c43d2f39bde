"""One HTTP client for all sources and sinks: bounded in time and size, with retries, and without leaks of secrets."""

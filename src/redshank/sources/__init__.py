"""Where panels come from, one system a file."""

"""Sinks: deliver scores and events to one system each."""

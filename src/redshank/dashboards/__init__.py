"""Dashboards for the programs that people look at already: plain JSON to import there."""

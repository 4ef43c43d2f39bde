"""What users declare, one schema for file, API and web page: monitors, sources, sinks, templates, schedules."""

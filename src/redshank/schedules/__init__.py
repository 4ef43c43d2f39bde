"""When something is due: pure arithmetic over schedules, which knows no clock."""

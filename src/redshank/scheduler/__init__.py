"""When work is due, who does it, and where what it found goes."""

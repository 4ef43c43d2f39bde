"""The scheduler: who leads, what is due, which threads work on it, and what is done when they do not answer."""

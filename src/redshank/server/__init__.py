"""The process behind ``redshank serve``: what is opened, started, and ended in which order."""

"""The command line: parse, call, print. Modules import what is heavy inside the functions, to keep --help fast."""

"""Points that others send: bodies of requests, in any of the usual formats, to points and the rows that are wrong."""

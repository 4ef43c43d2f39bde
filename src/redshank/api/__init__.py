"""The REST door: routes read the request, call the service, and write the answer."""

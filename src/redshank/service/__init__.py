"""What can be done with a server, one method for each use: behind the API, the command line and the tests."""

"""The Python client: ``redshank.Client`` and ``redshank.AsyncClient``, the same methods once blocking, once awaited."""

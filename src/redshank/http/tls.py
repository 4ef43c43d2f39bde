"""Which certificates are trusted, and which is shown."""

from __future__ import annotations

import ssl

from redshank.errors import ConfigError
from redshank.http.options import HttpOptions
from redshank.specs.options import Access


def tls_context(options: HttpOptions, access: Access) -> ssl.SSLContext:
    """Return the settings of TLS; ConfigError when a file cannot be read as certificates."""
    try:
        context = ssl.create_default_context(cafile=None if options.ca is None else access.path(options.ca))
        if options.client_cert is not None:
            key = None if options.client_key is None else access.path(options.client_key)
            context.load_cert_chain(access.path(options.client_cert), key)
    except (OSError, ssl.SSLError) as error:
        what = "ca" if options.client_cert is None else "ca, client_cert or client_key"
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{what}: cannot be read as certificates: {reason}", field="ca") from error
    if not options.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context

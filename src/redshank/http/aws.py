"""Signing in to services of AWS: each request carries a signature (version 4) of the keys that botocore finds."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Literal

import httpx2
from pydantic import Field, SecretStr, model_validator

from redshank.errors import ConfigError, MissingExtraError
from redshank.http.options import HttpOptions
from redshank.http.words import Scrubber
from redshank.specs.options import Access


class AwsOptions(HttpOptions):
    """Options of what may run at AWS.

    ``aws_region``: sign each request for this region. ``aws_service``: ``es``, ``aoss`` for the serverless one,
    ``aps`` for Prometheus.
    ``aws_access_key`` and ``aws_secret_key`` sign, else what botocore finds: variables, a profile, a role.
    """

    aws_region: str | None = Field(default=None, min_length=1)
    aws_service: Literal["es", "aoss", "aps"] = "es"
    aws_profile: str | None = None
    aws_access_key: str | None = None
    aws_secret_key: SecretStr | None = None
    aws_session_token: SecretStr | None = None

    @model_validator(mode="after")
    def _whole_key(self) -> AwsOptions:
        given = [
            name for name in ("aws_access_key", "aws_secret_key", "aws_profile") if getattr(self, name) is not None
        ]
        if given and self.aws_region is None:
            raise ValueError(f"{given[0]} needs aws_region beside it")
        if (self.aws_access_key is None) != (self.aws_secret_key is None):
            raise ValueError("aws_access_key and aws_secret_key go together")
        if self.aws_region is not None and (self.user or self.token or self.api_key):
            raise ValueError("must sign in one way, got aws_region and a user, token or api_key")
        return self


def aws_auth(options: AwsOptions, access: Access, scrub: Scrubber) -> httpx2.Auth | None:
    """Return what signs requests; None when they are not to be signed.

    Raises:
        MissingExtraError: botocore is not installed.
        ConfigError: there are no keys.
    """
    if options.aws_region is None:
        return None
    try:
        from botocore.credentials import Credentials
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session
    except ImportError as error:
        raise MissingExtraError("aws_region: needs an extra: pip install 'redshank[aws]'") from error
    secret = access.reveal(options.aws_secret_key)
    if secret is not None:
        session_token = access.reveal(options.aws_session_token)
        scrub.add(secret, session_token or "")
        return _Signer(Credentials(options.aws_access_key, secret, session_token), options)
    try:
        found = Session(profile=options.aws_profile).get_credentials()
    except BotoCoreError as error:
        raise ConfigError(f"aws_profile: {error}", field="aws_profile") from error
    if found is None:
        raise ConfigError(
            "aws_region: no keys of AWS are found; set aws_access_key and aws_secret_key", field="aws_region"
        )
    return _Signer(found, options)


class _Signer(httpx2.Auth):
    """Signs each request as it is sent; keys that are renewed are taken as they are then."""

    requires_request_body = True

    def __init__(self, credentials: Any, options: AwsOptions) -> None:
        self._credentials, self._region, self._service = credentials, options.aws_region, options.aws_service

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response]:
        """Add the headers of the signature."""
        from hashlib import sha256

        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        content = request.content
        request.url = request.url.copy_with(query=request.url.query.replace(b"+", b"%20"))  # AWS reads + as itself
        headers = {"Host": request.url.netloc.decode(), "X-Amz-Content-SHA256": sha256(content).hexdigest()}
        unsigned = AWSRequest(method=request.method, url=str(request.url), data=content, headers=headers)
        SigV4Auth(self._credentials.get_frozen_credentials(), self._service, self._region).add_auth(unsigned)
        for name, value in unsigned.headers.items():
            if name.lower() != "host":
                request.headers[name] = str(value)
        yield request

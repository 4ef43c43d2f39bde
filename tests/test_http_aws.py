"""Signatures of requests to AWS, beside the same made by hand as its documentation says."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from urllib.parse import quote

import pytest

from http_world import answer, world
from redshank.errors import ConfigError
from redshank.http.aws import AwsOptions
from redshank.http.client import Http
from redshank.specs.options import Access

KEYS = {"aws_region": "eu-west-1", "aws_access_key": "AKIDEXAMPLE", "aws_secret_key": "wJalrXUtnFEMI"}


def by_hand(request: bytes, service: str) -> str:
    """The signature of a request, step by step."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines}
    signed = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    canonical = [method, quote(path, safe="/-_.~"), "&".join(sorted(query.split("&")))]
    canonical += [f"{name}:{headers[name]}" for name in signed.split(";")]
    canonical += ["", signed, hashlib.sha256(body).hexdigest()]
    day, region = headers["x-amz-date"][:8], "eu-west-1"
    scope = f"{day}/{region}/{service}/aws4_request"
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    key = b"AWS4wJalrXUtnFEMI"
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, digest])
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("service", ["es", "aoss"])
def test_requests_are_signed(service: str) -> None:
    with world(answer()) as told:
        http = Http.of(AwsOptions.model_validate({"url": told.url, "aws_service": service, **KEYS}), Access(), "aws")
        http.json("POST", "/logs-*,a/_search", params={"filter_path": "a,b c+", "b": "1"}, body={"size": 0})
        http.json("GET", "/")

    for request in told.seen:
        assert f"Signature={by_hand(request, service)}".encode() in request
        assert b"wJalrXUtnFEMI" not in request
    assert b"filter_path=a%2Cb%20c%2B&b=1 " in told.seen[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aws_access_key": "a"}, "needs aws_region"),
        ({"aws_region": "x", "aws_access_key": "a"}, "go together"),
        ({"aws_region": "x", "user": "a"}, "must sign in one way"),
    ],
)
def test_half_of_a_key_is_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AwsOptions.model_validate({"url": "https://h", **options})


def test_keys_that_are_nowhere_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(ConfigError, match="no keys of AWS are found"):
        Http.of(AwsOptions(url="https://h", aws_region="x"), Access(), "aws")
    with pytest.raises(ConfigError, match="aws_profile: "):
        Http.of(AwsOptions(url="https://h", aws_region="x", aws_profile="other"), Access(), "aws")

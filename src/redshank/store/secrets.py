"""Secrets of declarations, encrypted at rest: ``enc:`` and a Fernet token."""

from __future__ import annotations

import contextlib
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from redshank.errors import ConfigError, StateError, UnavailableError

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

PREFIX = "enc:"
FILE = "secret.key"
VARIABLE = "REDSHANK_SECRET_KEY"


class Secrets:
    """Encrypts and decrypts with the key of a data folder, or that of the environment when it is set."""

    def __init__(self, folder: Path) -> None:
        """The key file is made when the first secret is encrypted."""
        self.path = folder / FILE

    def encrypt(self, text: str) -> str:
        """Return the text to keep; one that is encrypted already is returned as it is."""
        if text.startswith(PREFIX):
            return text
        return PREFIX + self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, text: str) -> str:
        """Return the secret; a text that is not encrypted is returned as it is.

        Raises:
            StateError: it was encrypted with another key, or is damaged.
        """
        if not text.startswith(PREFIX):
            return text
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(text.removeprefix(PREFIX)).decode()
        except InvalidToken:
            raise StateError(
                f"secret: must have been encrypted with the key of {VARIABLE} or {self.path}; restore that key, "
                "or enter the secret again"
            ) from None

    @cached_property
    def _fernet(self) -> Fernet:
        from cryptography.fernet import Fernet

        key = os.environ.get(VARIABLE) or self._key_of_file()
        try:
            return Fernet(key)
        except ValueError:
            raise ConfigError(
                f"secret key: must be 32 bytes in URL-safe base64 (in {VARIABLE} or {self.path})"
            ) from None

    def _key_of_file(self) -> str:
        from cryptography.fernet import Fernet

        try:
            if not self.path.exists():
                _write_once(self.path, Fernet.generate_key())
            return self.path.read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise UnavailableError(f"secret key {self.path}: cannot be read or written: {error}") from error


def _write_once(path: Path, key: bytes) -> None:
    """Write the key whole or not at all, readable by its owner only; the first of two writers wins."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(file, key + b"\n")
        os.fsync(file)
    finally:
        os.close(file)
    with contextlib.suppress(FileExistsError):
        os.link(partial, path)
    partial.unlink()

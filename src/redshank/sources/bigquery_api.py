"""Queries of BigQuery whose rows come in pages, with a limit of cost and time; errors that say what to do."""

from __future__ import annotations

import concurrent.futures
import json
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import polars as pl
import requests

from redshank.errors import ConfigError, MissingExtraError, SourceError
from redshank.sources.bigquery_options import BigqueryOptions
from redshank.sources.bigquery_sql import Statement
from redshank.sources.sql_rows import portion
from redshank.specs.options import Access

try:
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from google.auth.credentials import AnonymousCredentials
    from google.auth.exceptions import GoogleAuthError
    from google.cloud import bigquery
    from google.cloud.bigquery.retry import DEFAULT_RETRY
    from google.oauth2 import service_account
except ModuleNotFoundError as missing:
    raise MissingExtraError("bigquery: needs its client: pip install 'redshank[bigquery]'") from missing

_SAID = 300
_REMEDIES = (
    ("bytes billed", "ask for a shorter range or fewer columns, or raise max_bytes_billed"),
    ("partition", "give a range of time on the column that the table is partitioned by"),
    ("not found", "see that project, dataset and table are right, and location too"),
    ("permission", "give the account the roles BigQuery Job User and BigQuery Data Viewer"),
    ("access denied", "give the account the roles BigQuery Job User and BigQuery Data Viewer"),
    ("quota", "wait, or ask for less at once"),
)


class RefusedError(SourceError):
    """BigQuery understands a query, but does not do it."""


class Api:
    """Queries of one project; any number of threads may ask at once."""

    def __init__(self, client: Any, options: BigqueryOptions, where: str) -> None:
        """See ``of``."""
        self.client, self.options, self.where = client, options, where
        self.bytes = 0
        self._jobs: set[Any] = set()
        self._lock = threading.Lock()
        self._given_up = 0

    @classmethod
    def of(cls, options: BigqueryOptions, access: Access, where: str) -> Api:
        """Return a client; ConfigError when there are no credentials, or none that can be read."""
        settings: dict[str, Any] = {}
        if options.endpoint is not None:
            access.check_host(options.endpoint.split("://", 1)[1].split("/")[0].rsplit(":", 1)[0])
            settings["client_options"] = {"api_endpoint": options.endpoint}
        signed = _credentials(options, access, where)
        if signed is not None:
            settings["credentials"] = signed
        with told(where):
            client = bigquery.Client(project=options.project, location=options.location, **settings)
        return cls(client, options, where)

    def schema(self, asked: Statement) -> tuple[dict[str, str], int]:
        """Return the types of the columns of a query and the bytes it would scan; SourceError unless it only reads."""
        with told(self.where):
            job = self.client.query(
                asked.sql, job_config=self._config(asked, dry_run=True), retry=self._retry(), timeout=self._seconds()
            )
        if job.statement_type not in (None, "SELECT"):
            raise SourceError(f"{self.where}: query must only read, BigQuery says it is {job.statement_type}")
        return types_of(job.schema or ()), int(job.total_bytes_processed or 0)

    def table(self, name: str) -> Any:
        """Return what is known of a table: its columns, partitions and rows."""
        with told(self.where):
            return self.client.get_table(name, retry=self._retry(), timeout=self._seconds())

    def tables(self, dataset: str) -> list[str]:
        """Return the names of the tables of a dataset."""
        with told(self.where):
            return sorted(one.table_id for one in self.client.list_tables(dataset, retry=self._retry()))

    def datasets(self) -> list[str]:
        """Return the names of the datasets of the project."""
        with told(self.where):
            return sorted(one.dataset_id for one in self.client.list_datasets(retry=self._retry()))

    def first(self, name: str, n: int) -> pl.DataFrame:
        """Return some rows of a table, which costs nothing."""
        with told(self.where):
            rows = self.client.list_rows(name, max_results=n, retry=self._retry(), timeout=self._seconds())
            return portion([field.name for field in rows.schema], [row.values() for row in rows])

    def frames(self, asked: Statement) -> Generator[pl.DataFrame]:
        """Yield the rows of a query, a page at a time."""
        deadline, given_up = time.monotonic() + self._seconds(), self._given_up
        with told(self.where), self._running(asked) as job:
            rows = job.result(page_size=self.options.page_rows, retry=self._retry(), timeout=self._seconds())
            names = [field.name for field in rows.schema]
            self.bytes += int(job.total_bytes_processed or 0)
            for page in rows.pages:
                self._look(deadline, given_up)
                found = [row.values() for row in page]
                if found:
                    yield portion(names, found)
        self._look(deadline, given_up)

    def _look(self, deadline: float, given_up: int) -> None:
        if self._given_up != given_up:
            raise SourceError(f"{self.where}: reading was given up")
        if time.monotonic() > deadline:
            raise SourceError(f"{self.where}: took longer than timeout allows; ask for less, or raise timeout")

    @contextmanager
    def _running(self, asked: Statement) -> Iterator[Any]:
        """A job, which is cancelled when its rows are not wanted any more."""
        job = self.client.query(asked.sql, job_config=self._config(asked), retry=self._retry(), timeout=self._seconds())
        with self._lock:
            self._jobs.add(job)
        try:
            yield job
        except BaseException:
            self._stop(job)
            raise
        finally:
            with self._lock:
                self._jobs.discard(job)

    def cancel(self) -> None:
        """Let the queries of other threads end."""
        with self._lock:
            self._given_up += 1
            jobs = list(self._jobs)
        for job in jobs:
            self._stop(job)

    def _stop(self, job: Any) -> None:
        with suppress(GoogleAPICallError, RetryError, GoogleAuthError, requests.RequestException):
            job.cancel(retry=None, timeout=5)

    def _config(self, asked: Statement, *, dry_run: bool = False) -> Any:
        config = bigquery.QueryJobConfig(
            query_parameters=[_parameter(name, value) for name, value in asked.values.items()],
            maximum_bytes_billed=self.options.max_bytes_billed,
            use_query_cache=not dry_run,
            dry_run=dry_run,
            job_timeout_ms=round(self._seconds() * 1000),
        )
        if self.options.dataset is not None:
            config.default_dataset = f"{self.options.project}.{self.options.dataset}"
        return config

    def _seconds(self) -> float:
        return self.options.timeout.total_seconds()

    def _retry(self) -> Any:
        return DEFAULT_RETRY.with_timeout(min(30.0, self._seconds()))


def _credentials(options: BigqueryOptions, access: Access, where: str) -> Any:
    """What signs in; None = what Google's libraries find."""
    text = access.reveal(options.credentials)
    if text is not None:
        try:
            return service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
                json.loads(text), scopes=["https://www.googleapis.com/auth/bigquery"]
            )
        except (ValueError, KeyError, GoogleAuthError):
            raise ConfigError(
                f"{where}: credentials must be the JSON key of a service account, or file:PATH to it",
                field="credentials",
            ) from None
    if options.default_credentials:
        return None
    if options.endpoint is not None:
        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    raise ConfigError(
        f"{where}: needs credentials (file:PATH of a key), or default_credentials: true to use what is found where "
        "Redshank runs",
        field="credentials",
    )


def _parameter(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return bigquery.ScalarQueryParameter(name, "TIMESTAMP", value)
    return bigquery.ArrayQueryParameter(name, "STRING", list(value))


def types_of(schema: Any) -> dict[str, str]:
    """Return the types of columns by name; "ARRAY" for repeated ones."""
    return {one.name: "ARRAY" if one.mode == "REPEATED" else str(one.field_type) for one in schema}


@contextmanager
def told(where: str) -> Iterator[None]:
    """Turn errors of Google's libraries into ours."""
    try:
        yield
    except GoogleAPICallError as error:
        said = " ".join(str(error.message).split())[:_SAID]
        remedy = next((text for word, text in _REMEDIES if word in said.lower()), "")
        kind = RefusedError if error.code == 400 else SourceError
        raise kind(f"{where}: {said}" + (f"; {remedy}" if remedy else "")) from error
    except GoogleAuthError as error:
        raise SourceError(f"{where}: cannot sign in: {str(error)[:_SAID]}; check credentials") from error
    except concurrent.futures.TimeoutError as error:
        raise SourceError(f"{where}: took longer than timeout allows; ask for less, or raise timeout") from error
    except (RetryError, requests.RequestException) as error:
        raise SourceError(f"{where}: cannot be reached; check endpoint, proxy and network") from error

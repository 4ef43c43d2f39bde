"""Write events, and scores if wanted, to Elasticsearch 6 to 9 or OpenSearch 2 to 3."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator

from redshank.errors import SinkError
from redshank.http.aws import AwsOptions
from redshank.http.client import Http
from redshank.http.elastic_server import elastic_server
from redshank.sinks.base import Notification, ScoreBlock
from redshank.sinks.elastic_bulk import Bulk, Refused, Write
from redshank.sinks.elastic_documents import event_document, loudml_document, loudml_id, score_documents
from redshank.sinks.elastic_scores import ScorePlace, score_place
from redshank.sinks.elastic_templates import EVENTS, LOUDML, put_template
from redshank.sinks.monitor_sink import MonitorSink
from redshank.sinks.score_options import ScoreOptions
from redshank.specs.base import Duration
from redshank.specs.options import Access, Options

INDEX = {"redshank": ".redshank-anomalies", "loudml": ".loudml-anomalies"}


class ElasticsearchOptions(ScoreOptions, AwsOptions):
    """Where events and scores go.

    ``index``: of events; by ``layout`` if not given. ``layout``: "loudml" = documents as Loud ML wrote them.
    ``scores_index``, ``retention``: where scores go, and how long they are kept (None = for ever). ``shards``,
    ``replicas``: of new indices; None = as the server likes. ``templates``: false = whoever runs the server makes them.
    ``refresh``: wait until what is written can be found. ``compress``: pack what is sent.
    """

    index: str | None = None
    layout: Literal["redshank", "loudml"] = "redshank"
    scores_index: str = "redshank-scores"
    retention: Duration | None = None
    shards: int | None = Field(default=None, ge=1, le=1024)
    replicas: int | None = Field(default=None, ge=0, le=100)
    templates: bool = True
    refresh: bool = False
    compress: bool = True

    @field_validator("index", "scores_index")
    @classmethod
    def _is_an_index(cls, given: str | None) -> str | None:
        wrong = set(given or "") & set('\\/*?"<>| ,#:')
        if given is not None and (not given or given != given.lower() or wrong or given[0] in "-_+" or given == ".."):
            raise ValueError(f"must be the name of an index, in small letters, without * / and the like, got {given!r}")
        return given


@dataclass(frozen=True)
class _Place:
    """A server that was found and made ready."""

    bulk: Bulk
    scores: ScorePlace | None


class ElasticsearchSink(MonitorSink):
    """Events as documents whose id is that of the event, and whose version is the sequence of its changes."""

    kind: ClassVar[str] = "elasticsearch"
    Options: ClassVar[type[Options]] = ElasticsearchOptions
    _options: ElasticsearchOptions

    def __init__(self, options: ElasticsearchOptions, http: Http) -> None:
        """Reach nothing yet."""
        self._options, self._http = options, http
        self._index = options.index or INDEX[options.layout]
        self._found: _Place | None = None
        self._turn = threading.Lock()

    @classmethod
    def build(cls, options: ElasticsearchOptions, access: Access) -> Self:
        """Return the sink."""
        return cls(options, Http.of(options, access, f"elasticsearch {options.url}", error=SinkError))

    def check(self) -> None:
        """Find out which server it is, and put the templates of our indices there."""
        self._found = None
        self._place()

    def notify(self, notifications: Sequence[Notification]) -> None:
        """Write each event, unless a newer form of it is there.

        Raises:
            SinkError: ``refused`` names the events that will never be taken; all others are written.
        """
        if notifications:
            refused = self._place().bulk.write([self._event(one) for one in notifications])
            self._complain(refused, {self._id(one): one.event.id for one in notifications})

    def _event(self, one: Notification) -> Write:
        is_ours = self._options.layout == "redshank"
        document = event_document(one) if is_ours else loudml_document(one)
        return Write(index=self._index, id=self._id(one), document=document, version=one.sequence)

    def _id(self, one: Notification) -> str:
        return one.event.id if self._options.layout == "redshank" else loudml_id(one.event)

    def _complain(self, refused: Sequence[Refused], names: dict[str, str]) -> None:
        if refused:
            reasons = {names[each.id]: each.reason for each in refused}
            text = f"refuses {len(reasons)} of {len(names)} documents for good: {refused[0].reason}"
            raise SinkError(f"{self._http.where}: {text}", refused=reasons)

    def record(self, block: ScoreBlock) -> None:
        """Write the scores of points that have a value or a score."""
        place = self._place()
        if place.scores is None or not block.parts:
            return
        refused = place.bulk.write(place.scores.writes(score_documents(block)))
        place.scores.clean()
        if refused:
            text = f"refuses {len(refused)} scores: {refused[0].reason}"
            raise SinkError(f"{self._http.where}: {text}", permanent=True)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _place(self) -> _Place:
        with self._turn:
            if self._found is None:
                self._found = self._made_ready()
            return self._found

    def _made_ready(self) -> _Place:
        options, http = self._options, self._http
        server = elastic_server(http)
        type_name = "anomaly" if options.layout == "loudml" else "_doc"
        own_type = type_name if server.has_types else None
        bulk = Bulk(http, type_name=own_type, refresh=options.refresh, compress=options.compress)
        settings: dict[str, Any] = {}
        for name, value in (("number_of_shards", options.shards), ("number_of_replicas", options.replicas)):
            if value is not None:
                settings[f"index.{name}"] = value
        if options.templates:
            fields = EVENTS if options.layout == "redshank" else LOUDML
            put_template(http, server, self._index, fields, settings, type_name=own_type)
        if not options.scores:
            return _Place(bulk, None)
        place = score_place(
            http,
            server,
            options.scores_index,
            options.retention,
            settings,
            type_name=own_type,
            templates=options.templates,
        )
        return _Place(bulk, place)

"""Plan, apply and export: what changes is said before, done whole or not at all, and written back the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from redshank.errors import ConfigError, ConflictError, RevisionError
from redshank.service.actor import Actor
from redshank.service.config import Config
from redshank.service.config_checks import problems_of
from redshank.service.config_document import make_configuration
from redshank.service.config_export import export_text
from redshank.service.config_files import ConfigText, ConfigTexts
from redshank.service.config_plan import Plan, plan_json
from redshank.service.resources import Saving
from redshank.service.service import Service
from redshank.specs.document import Document
from redshank.specs.monitor import MonitorSpec
from redshank.specs.problems import checked
from redshank.store.store import Store

ME = Actor("me", "admin")
UNCHECKED = Saving(is_checked=False)
FULL = """\
sources:
  - {name: shop, kind: files, path: /data/a.csv}
sinks:
  - {name: out, kind: files, events: /data/out.csv}
schedules:
  - {name: nightly, daily: true, at: 03:00}
templates:
  - name: hosts
    monitor: {name: "cpu {{host}}", path: "/data/{{host}}.csv", step: 5m}
    variables: [{host: a}, {host: b}]
monitors:
  - {name: cpu, source: shop, sinks: out, train: nightly, step: 5m, policy: {budget: 2/day}}
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def service(store: Store) -> Service:
    """A service over it."""
    return Service(store)


@pytest.fixture
def config(service: Service) -> Config:
    """Configuration as code over it, with files that need not be there."""
    return Config(service.store, service.audit, check=lambda kind, spec: None, changed=lambda kind, id: None)


def document(text: str) -> Document:
    """What a file with this text declares."""
    texts = ConfigTexts((ConfigText("redshank.yaml", Path("/data"), text.encode()),), "")
    return make_configuration(texts, {}, is_whole=False).checked_document()


def steps(plan: Plan) -> list[tuple[str, str, str]]:
    """What a plan would do, in order."""
    return [(step.action, step.kind, step.name) for step in plan.steps]


def names(service: Service, kind: Any = "monitors") -> list[str]:
    """What there is."""
    return [each.name for each in service.store.resources.all(kind)]


def test_what_is_new_is_created_in_the_order_of_references(config: Config) -> None:
    assert steps(config.plan(document(FULL), "x")) == [
        ("create", "schedules", "nightly"),
        ("create", "sources", "shop"),
        ("create", "sinks", "out"),
        ("create", "templates", "hosts"),
        ("create", "monitors", "cpu a"),
        ("create", "monitors", "cpu b"),
        ("create", "monitors", "cpu"),
    ]


def test_a_plan_changes_nothing(config: Config, service: Service) -> None:
    config.plan(document(FULL), "x")

    assert service.store.resources.all() == []


def test_applying_twice_is_applying_once(config: Config, service: Service) -> None:
    config.apply(document(FULL), "x", actor=ME)
    before = service.store.resources.all()

    again = config.apply(document(FULL), "x", actor=ME)

    assert again.is_empty
    assert again.unchanged == 7
    assert service.store.resources.all() == before


def test_a_change_is_said_field_by_field(config: Config) -> None:
    config.apply(document(FULL), "x", actor=ME)

    plan = config.plan(document(FULL.replace("2/day", "1/week").replace("step: 5m, policy", "policy")), "x")

    assert steps(plan) == [("change", "monitors", "cpu")]
    assert [(each.path, each.before, each.after) for each in plan.steps[0].fields] == [
        ("step", "5m", None),
        ("policy.budget", "2/day", "1/week"),
    ]


def test_a_default_that_is_written_out_is_no_change(config: Config) -> None:
    config.apply(document(FULL), "x", actor=ME)
    written_out = FULL.replace("budget: 2/day", "budget: 2/day, open_points: 1, direction: both")

    assert config.plan(document(written_out.replace("path: /data/a.csv", "path: [/data/a.csv]")), "x").is_empty


def test_only_what_this_origin_declared_is_deleted(config: Config, service: Service) -> None:
    config.apply(document("monitors: [{name: mine, path: /x}]"), "mine", actor=ME)
    config.apply(document("monitors: [{name: other, path: /x}]"), "other", actor=ME)
    service.resources.create("monitors", {"name": "by hand", "path": "/x"}, actor=ME, saving=UNCHECKED)

    plan = config.apply(document(""), "mine", actor=ME)

    assert steps(plan) == [("delete", "monitors", "mine")]
    assert names(service) == ["by hand", "other"]


def test_what_was_made_by_hand_is_adopted(config: Config, service: Service) -> None:
    service.resources.create("monitors", {"name": "a", "path": "/x"}, actor=ME, saving=UNCHECKED)

    plan = config.apply(document("monitors: [{name: a, path: /x}]"), "x", actor=ME)

    assert steps(plan) == [("adopt", "monitors", "a")]
    assert service.store.resources.get("monitors", "a").origin == "file:x"


def test_what_belongs_to_another_is_refused_unless_taken_over(config: Config, service: Service) -> None:
    config.apply(document("monitors: [{name: a, path: /x}]"), "first", actor=ME)
    second = document("monitors: [{name: a, path: /y}]")

    with pytest.raises(ConflictError, match="monitor 'a': belongs to 'file:first'"):
        config.apply(second, "second", actor=ME)
    config.apply(second, "second", actor=ME, take_over=True)

    assert service.store.resources.get("monitors", "a").origin == "file:second"


def test_a_monitor_that_only_changed_its_name_is_renamed_and_stays_itself(config: Config, service: Service) -> None:
    config.apply(document("monitors: [{name: a, path: /x}, {name: b, path: /y}]"), "x", actor=ME)
    before = service.store.resources.get("monitors", "a").id

    plan = config.apply(document("monitors: [{name: c, path: /x}, {name: b, path: /y}]"), "x", actor=ME)

    assert steps(plan) == [("rename", "monitors", "a")]
    assert service.store.resources.get("monitors", "c").id == before


def test_names_that_could_have_come_from_several_are_not_guessed(config: Config) -> None:
    config.apply(document("monitors: [{name: a, path: /x}, {name: b, path: /x}]"), "x", actor=ME)

    plan = config.plan(document("monitors: [{name: c, path: /x}, {name: d, path: /x}]"), "x")

    assert plan.counts() == {"create": 2, "change": 0, "adopt": 0, "rename": 0, "delete": 2}


def test_a_template_that_changes_changes_its_monitors(config: Config, service: Service) -> None:
    config.apply(document(FULL), "x", actor=ME)

    plan = config.apply(document(FULL.replace("[{host: a}, {host: b}]", "[{host: b}, {host: c}]")), "x", actor=ME)

    assert steps(plan) == [
        ("change", "templates", "hosts"),
        ("create", "monitors", "cpu c"),
        ("delete", "monitors", "cpu a"),
    ]
    assert names(service) == ["cpu", "cpu b", "cpu c"]


def test_a_template_that_goes_takes_its_monitors_along(config: Config, service: Service) -> None:
    config.apply(document(FULL), "x", actor=ME)

    config.apply(document("monitors: [{name: a, path: /x}]"), "x", actor=ME)

    assert [each.name for each in service.store.resources.all()] == ["a"]


def test_what_others_refer_to_is_not_deleted(config: Config, service: Service) -> None:
    config.apply(document("sources: [{name: shop, kind: files, path: /x}]"), "x", actor=ME)
    service.resources.create("monitors", {"name": "by hand", "source": "shop"}, actor=ME, saving=UNCHECKED)

    plan = config.plan(document(""), "x")

    assert plan.problems == ("monitor 'by hand': refers to source 'shop', which would be deleted",)
    with pytest.raises(ConflictError, match="which would be deleted"):
        config.apply(document(""), "x", actor=ME)


def test_what_is_referred_to_may_be_on_the_server_already(config: Config, service: Service) -> None:
    service.resources.create("sources", {"name": "shop", "kind": "files", "path": "/x"}, actor=ME, saving=UNCHECKED)

    config.apply(document("monitors: [{name: a, source: shop}]"), "x", actor=ME)
    plan = config.plan(document("monitors: [{name: a, source: nowhere}]"), "x")

    assert plan.problems == ("monitor 'a': refers to source 'nowhere', which is not declared",)


def test_a_source_can_make_way_for_another(config: Config, service: Service) -> None:
    config.apply(
        document("sources: [{name: a, kind: files, path: /x}]\nmonitors: [{name: m, source: a}]"), "x", actor=ME
    )

    config.apply(
        document("sources: [{name: b, kind: files, path: /x}]\nmonitors: [{name: m, source: b}]"), "x", actor=ME
    )

    assert names(service, "sources") == ["b"]


def test_all_is_applied_or_nothing(store: Store, service: Service) -> None:
    def refuse(kind: str, spec: Any) -> None:
        if spec.name == "bad":
            raise ConfigError("source: cannot be reached")

    config = Config(store, service.audit, check=refuse, changed=lambda kind, id: None)

    with pytest.raises(ConfigError, match="monitor 'bad': source: cannot be reached"):
        config.apply(document("monitors: [{name: good, path: /x}, {name: bad, path: /x}]"), "x", actor=ME)
    assert store.resources.all() == []
    config.apply(document("monitors: [{name: bad, path: /x}]"), "x", actor=ME, is_checked=False)
    assert names(service) == ["bad"]


def test_what_changed_since_the_plan_is_not_overrun(config: Config, service: Service) -> None:
    wanted = document("monitors: [{name: a, path: /x}]")
    plan = config.plan(wanted, "x")
    service.resources.create("monitors", {"name": "a", "path": "/y"}, actor=ME, saving=UNCHECKED)

    with pytest.raises(RevisionError, match="plan it again"):
        config.apply(wanted, "x", actor=ME, fingerprint=plan.fingerprint)
    config.apply(wanted, "x", actor=ME, fingerprint=config.plan(wanted, "x").fingerprint)


SECRETIVE = "sources: [{name: s, kind: custom, url: 'http://me:word1@db/x', password: word2}]"


def test_secrets_are_kept_encrypted_and_never_shown(config: Config, store: Store, monkeypatch: Any) -> None:
    monkeypatch.setattr("redshank.service.config_document.problems_of", lambda kind, spec: [])
    config.apply(document(SECRETIVE), "x", actor=ME)

    plan = config.plan(document(SECRETIVE.replace("word2", "word3")), "x")

    said = f"{plan_json(plan)}{config.export()}{export_text(config.export())}{store.audit.list(limit=10).items}"
    assert "word" not in said.replace("password", "")
    assert "word" not in str(store.resources.get("sources", "s").spec).replace("password", "")
    assert [(each.path, each.before, each.after) for each in plan.steps[0].fields] == [("password", "***", "***")]
    assert config.plan(document(SECRETIVE), "x").is_empty


def test_three_stars_keep_the_secret_that_is_there(config: Config, store: Store, monkeypatch: Any) -> None:
    monkeypatch.setattr("redshank.service.config_document.problems_of", lambda kind, spec: [])
    config.apply(document(SECRETIVE), "x", actor=ME)

    exported = document(export_text(config.export()))

    assert config.plan(exported, "x").is_empty
    with pytest.raises(ConfigError, match=r"source 'other': .*(given|give it) anew"):
        config.plan(document(SECRETIVE.replace("word2", "'***'").replace("name: s", "name: other")), "x")


def test_a_label_may_be_called_like_a_secret(config: Config) -> None:
    config.apply(document("monitors: [{name: a, path: /x, filter: {token: b}}]"), "x", actor=ME)

    assert config.export()["monitors"][0]["filter"] == {"token": ["b"]}


def test_secrets_can_be_exported_as_names_of_variables(config: Config, monkeypatch: Any) -> None:
    monkeypatch.setattr("redshank.service.config_document.problems_of", lambda kind, spec: [])
    config.apply(document(SECRETIVE.replace("http://me:word1@", "http://")), "x", actor=ME)

    text = export_text(config.export(secrets="env"))

    assert 'password: "env:S_PASSWORD"' in text
    assert "# These variables hold the secrets, where the server runs: S_PASSWORD" in text


def test_an_export_holds_what_its_origin_declared(config: Config, service: Service) -> None:
    config.apply(document(FULL), "x", actor=ME)
    service.resources.create("monitors", {"name": "by hand", "path": "/x"}, actor=ME, saving=UNCHECKED)

    assert [each["name"] for each in config.export()["monitors"]] == ["by hand", "cpu"]
    assert [each["name"] for each in config.export("x")["monitors"]] == ["cpu"]
    assert [each["name"] for each in config.export("")["monitors"]] == ["by hand"]


def test_an_export_of_nothing_is_a_file(config: Config) -> None:
    assert document(export_text(config.export())).monitors == ()


def test_an_apply_is_one_line_of_the_audit_log(config: Config, store: Store) -> None:
    config.apply(document(FULL), "x", actor=ME)

    entries = store.audit.list(limit=10).items
    assert [(each.actor, each.action, each.kind, each.name) for each in entries] == [("me", "apply", "config", "x")]
    assert entries[0].detail["counts"]["create"] == 7


NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/{}"), min_size=1, max_size=12)
DURATIONS = st.sampled_from(["1s", "5m", "1h30m", "2d", "90061s"])
MONITORS = st.fixed_dictionaries(
    {"name": NAMES, "path": st.just("/data/x.csv") | st.just("/data/${X}.csv")},
    optional={
        "measures": st.lists(NAMES | st.fixed_dictionaries({"column": NAMES, "agg": st.just("mean")}), max_size=3),
        "by": st.none() | st.lists(NAMES, max_size=3),
        "filter": st.dictionaries(NAMES, NAMES | st.lists(NAMES, min_size=1, max_size=2), max_size=2),
        "step": st.none() | DURATIONS,
        "tz": st.sampled_from(["UTC", "Europe/Oslo"]),
        "policy": st.fixed_dictionaries(
            {}, optional={"least_deviation": st.floats(0, 1e9), "budget": st.just("2/day")}
        ),
        "watch": st.fixed_dictionaries(
            {}, optional={"missing_after": st.none() | st.integers(1, 9), "new": st.booleans()}
        ),
        "train": st.none() | st.fixed_dictionaries({"every": DURATIONS}),
        "tags": st.lists(NAMES, max_size=3),
        "enabled": st.booleans(),
    },
)


def is_right(monitor: dict[str, Any]) -> bool:
    """Whether a monitor is one that could be declared."""
    spec, problems = checked(MonitorSpec, monitor)
    return not problems and not problems_of("monitors", spec)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # making a failure smaller takes minutes
)
@given(monitors=st.lists(MONITORS.filter(is_right), unique_by=lambda monitor: monitor["name"], max_size=5))
def test_an_export_applies_to_the_same_state(
    monitors: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with Store.open(tmp_path_factory.mktemp("first")) as first, Store.open(tmp_path_factory.mktemp("second")) as second:
        Service(first).config.apply(Document.model_validate({"monitors": monitors}), "x", actor=ME, is_checked=False)
        text = export_text(Service(first).config.export())

        Service(second).config.apply(document(text), "x", actor=ME, is_checked=False)

        assert Service(first).config.plan(document(text), "x").is_empty
        kept = [(each.kind, each.name, each.spec, each.origin) for each in first.resources.all()]
        assert [(each.kind, each.name, each.spec, each.origin) for each in second.resources.all()] == kept
        assert export_text(Service(second).config.export()) == text

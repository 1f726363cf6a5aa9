"""A change is all or nothing, asked for twice happens once, and says what it does to sessions."""

from __future__ import annotations

import errno

import pytest

from protobalance.config import ConfigError
from protobalance.control.bequest import Bequest
from protobalance.control.node_setting import NodeSetting
from protobalance.control.refusal import Refused
from protobalance.control.report import (
    DecisionReport,
    LimitCleared,
    LimitReached,
    NodeDown,
    NodeUp,
    SessionReport,
)
from unit.control.conftest import FILE, World


def test_start_puts_the_whole_plan_in_force(world: World) -> None:
    supervisor = world.supervisor()
    assert len(world.engine.plans) == 1
    status = supervisor.status()
    assert (status.generation, status.source) == (1, str(world.path))
    assert [listener.name for listener in status.listeners] == ["web"]
    assert [node.address for node in status.clusters[0].nodes] == ["10.0.0.1:80", "10.0.0.2:80"]


def test_a_start_that_the_engine_refuses_stops_the_engine(world: World) -> None:
    world.refuse_start = Refused("engine", "address in use", "listener web", "free it")
    with pytest.raises(Refused, match="address in use"):
        world.supervisor()
    assert world.engine.calls == ["stop"]


def test_apply_of_the_unchanged_file_does_nothing(world: World) -> None:
    supervisor = world.supervisor()
    assert not supervisor.apply().changed
    assert len(world.engine.plans) == 1


def test_apply_says_what_changed_and_the_history_keeps_it(world: World) -> None:
    supervisor = world.supervisor()
    world.rewrite(("weight = 2", "weight = 3"))
    result = supervisor.apply(by="SIGHUP")
    assert [(change.path, change.before, change.after) for change in result.changes] == [
        ("clusters.web.nodes.b.weight", "2", "3")
    ]
    assert world.engine.node("web/b")["weight"] == 3
    newest = supervisor.history(1)[0]
    assert (newest.kind, newest.by, newest.generation) == ("apply", "SIGHUP", 2)
    assert "~ clusters.web.nodes.b.weight: 2 -> 3" in newest.details


def test_a_bad_file_changes_nothing_and_is_told(world: World) -> None:
    supervisor = world.supervisor()
    world.rewrite(("weight = 2", "weight = -2"))
    with pytest.raises(ConfigError):
        supervisor.apply()
    assert len(world.engine.plans) == 1
    assert supervisor.history(1)[0].kind == "apply-failed"
    assert any(level == "error" and "weight" in line for level, line in world.lines)


def test_a_change_that_the_next_balancer_cannot_be_told_of_is_made_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    supervisor = world.supervisor()
    monkeypatch.setattr(Bequest, "leave", full)
    change = supervisor.set_node("web", "b", NodeSetting("draining"))
    assert change.changed
    assert "Too many open files" in change.warnings[0]
    assert world.engine.node("web/b")["admin_state"] == "draining"
    assert supervisor.history(1)[0].kind == "node"


def test_a_plan_that_the_engine_refuses_is_not_in_force(world: World) -> None:
    supervisor = world.supervisor()
    digest = supervisor.status().digest
    world.rewrite(("8080", "8081"))
    world.engine.refuse = Refused("engine", "address in use", "listener web", "free it")
    with pytest.raises(Refused):
        supervisor.apply()
    assert supervisor.status().digest == digest
    # The difference is still there to be applied once the address is free.
    assert supervisor.apply().changed


def test_plan_changes_nothing_and_counts_sessions(world: World) -> None:
    supervisor = world.supervisor()
    world.engine.active = {"web/a": 3, "web/b": 1}
    world.rewrite(
        ('address = "10.0.0.1:80"', 'address = "10.0.0.1:80"\nadmin_state = "offline"'),
        ('[clusters.web.nodes.b]\naddress = "10.0.0.2:80"\nweight = 2\n', ""),
    )
    plan = supervisor.plan()
    assert (plan.sessions_ended, plan.sessions_finishing) == (3, 1)
    assert [each.sentence for each in plan.impact] == [
        "node web/a goes offline: ends 3 sessions",
        "node web/b leaves; 1 session goes on until it ends by itself",
    ]
    assert "no node of web takes clients now" in plan.warnings
    assert len(world.engine.plans) == 1


def test_what_needs_a_restart_is_said(world: World) -> None:
    supervisor = world.supervisor()
    world.rewrite(("[engine]", "[engine]\nworkers = 3"))
    assert "engine.workers takes effect at the next start" in supervisor.apply().warnings


def test_another_state_folder_waits_for_the_next_start_with_all_that_is_in_it(world: World) -> None:
    """Affinity, too; what would stand against that start is said by `plan`, `apply` and `status` alike."""
    supervisor = world.supervisor(FILE.replace('policy = "least-sessions"', "affinity = true"))
    other = world.folder / "other"
    refused = f", which would be refused: {world.path} is no folder"
    for wanted, foreseen in ((other, ""), (world.path / "x", refused)):
        world.rewrite((str(supervisor.running.in_force.config.engine.state_dir), str(wanted)))
        planned, applied = supervisor.plan().warnings, supervisor.apply().warnings
        for said in (planned, applied, supervisor.status().warnings):
            assert f"engine.state_dir takes effect at the next start{foreseen}" in said
        affinity = world.engine.plans[-1]["clusters"][0]["affinity"]
        assert affinity["path"] == f"{world.state}/affinity-web.table"
    supervisor.set_node("web", "a", NodeSetting("draining"))
    assert (world.state / "overrides.json").exists()
    assert not other.exists()


def test_a_listener_that_feeds_itself_is_said_by_start_and_plan(world: World) -> None:
    supervisor = world.supervisor(FILE.replace("10.0.0.1:80", "127.0.0.1:8080"))
    (said,) = (line for level, line in world.lines if level == "warning")
    assert "clusters.web.nodes.a (127.0.0.1:8080) leads to listeners.web" in said
    assert said in supervisor.plan().warnings


def test_what_cannot_be_kept_stands_in_status_until_it_is(world: World) -> None:
    supervisor = world.supervisor()
    world.state.rename(world.folder / "away")
    world.state.write_text("")
    supervisor.set_node("web", "a", NodeSetting("draining"))
    assert any("overrides: in force, but lost at the next" in each for each in supervisor.status().warnings)
    world.state.unlink()
    supervisor.set_node("web", "a", NodeSetting("available"))
    assert supervisor.status().warnings == []


def test_a_transaction_happens_once(world: World) -> None:
    supervisor = world.supervisor()
    first = supervisor.set_node("web", "a", NodeSetting("draining"), transaction="t1")
    again = supervisor.set_node("web", "a", NodeSetting("draining"), transaction="t1")
    assert (first.replayed, again.replayed) == (False, True)
    assert again.generation == first.generation
    assert len(world.engine.plans) == 2


def test_one_transaction_id_for_two_requests_is_refused(world: World) -> None:
    supervisor = world.supervisor()
    supervisor.set_node("web", "a", NodeSetting("draining"), transaction="t1")
    with pytest.raises(Refused) as refused:
        supervisor.set_node("web", "b", NodeSetting("draining"), transaction="t1")
    assert refused.value.kind == "conflict"
    assert world.engine.node("web/b")["admin_state"] == "available"


def test_a_refused_transaction_may_be_asked_again(world: World) -> None:
    supervisor = world.supervisor()
    world.engine.refuse = Refused("engine", "no memory", "", "free some")
    with pytest.raises(Refused):
        supervisor.redirect("web", "green", "t1")
    assert not supervisor.redirect("web", "green", "t1").replayed


@pytest.mark.parametrize(
    ("cluster", "node", "near"),
    [("wep", "a", "web"), ("web", "aa", "web/a"), ("zzz", "a", "green, web")],
)
def test_a_wrong_name_is_refused_with_the_nearest(world: World, cluster: str, node: str, near: str) -> None:
    supervisor = world.supervisor()
    with pytest.raises(Refused) as refused:
        supervisor.set_node(cluster, node, NodeSetting("draining"))
    assert refused.value.kind == "unknown"
    assert near in refused.value.remedy


@pytest.mark.parametrize("values", [{}, {"weight": 257}, {"weight": -1}, {"admin_state": "yellow"}])
def test_a_wrong_value_is_refused(world: World, values: dict[str, object]) -> None:
    supervisor = world.supervisor()
    with pytest.raises(Refused) as refused:
        supervisor.set_node("web", "a", NodeSetting(**values))  # type: ignore[arg-type]  # wrong on purpose
    assert refused.value.kind == "invalid"
    assert len(world.engine.plans) == 1


def test_setting_and_clearing_stands_beside_the_file(world: World) -> None:
    supervisor = world.supervisor()
    world.engine.active = {"web/a": 2}
    change = supervisor.set_node("web", "a", NodeSetting("offline", weight=7))
    assert (change.admin_state, change.file_admin_state) == ("offline", "available")
    assert [each.ended for each in change.impact] == [2]
    node = supervisor.status().clusters[0].nodes[0]
    assert (node.weight, node.file_weight) == (7, 1)
    cleared = supervisor.set_node("web", "a", NodeSetting(clear=True))
    assert (cleared.admin_state, cleared.weight) == ("available", 1)


def test_taking_back_what_was_never_set_changes_nothing(world: World) -> None:
    supervisor = world.supervisor()
    kept = supervisor.set_node("web", "a", NodeSetting("draining")).generation
    told = len(supervisor.history())
    for change in (
        supervisor.set_node("web", "b", NodeSetting(clear=True)),
        supervisor.set_node("web", "b", NodeSetting("available")),
        supervisor.redirect("web", None),
    ):
        assert (change.changed, change.generation) == (False, kept)
    assert len(supervisor.history()) == told
    assert supervisor.set_node("web", "a", NodeSetting(clear=True)).changed


def test_redirect_and_back(world: World) -> None:
    supervisor = world.supervisor()
    supervisor.redirect("web", "green")
    listener = supervisor.status().listeners[0]
    assert (listener.cluster, listener.file_cluster) == ("green", "web")
    assert supervisor.redirect("web", None).cluster == "web"


def test_engine_events_reach_log_history_and_status(world: World) -> None:
    supervisor = world.supervisor()
    heard: list[str] = []
    end = supervisor.subscribe(lambda entry: heard.append(entry.kind))
    world.engine.health["web/a"] = "down"
    world.engine.report(NodeDown("web", "a", "refused", 5000))
    world.engine.report(NodeDown("web", "a", "refused", 5000))
    world.engine.report(LimitReached("sessions", "1000 sessions are open"))
    status = supervisor.status()
    assert status.clusters[0].nodes[0].down_reason == "refused"
    assert [limit.limit for limit in status.limits] == ["sessions"]
    # The same failure at the next trial is no news.
    assert heard == ["node-down", "limit-reached"]
    end()
    world.engine.report(NodeUp("web", "a"))
    world.engine.report(LimitCleared("sessions"))
    assert supervisor.status().limits == []
    assert heard == ["node-down", "limit-reached"]
    assert supervisor.history(2)[1].summary == "up again"


def test_sessions_of_all_workers_are_sorted_and_bounded(world: World) -> None:
    supervisor = world.supervisor()
    world.engine.open_sessions = [
        SessionReport("192.0.2.1", "web", "web", "a", "talking", age, 0, 0, 0, 1) for age in (5, 9, 7)
    ]
    assert [each.age_ms for each in supervisor.sessions(limit=2).sessions] == [9, 5]
    with pytest.raises(Refused, match="there is no listener 'wab'"):
        supervisor.sessions(listener="wab")


def test_explain_asks_every_listener_where_a_client_would_go(world: World) -> None:
    supervisor = world.supervisor()
    world.engine.recorded = [DecisionReport(9, "192.0.2.1", "web", "web", "random", "", [], [], 2)]
    answer = supervisor.explain("192.0.2.1")
    assert [each.decision.listener for each in answer.now] == ["web"]
    assert len(answer.recorded) == 1
    assert supervisor.explain().now == []
    with pytest.raises(Refused, match="no numeric address"):
        supervisor.explain("example.org")
    with pytest.raises(Refused, match="no listener reads server names"):
        supervisor.explain("192.0.2.1", server_name="shop.example.org")
    with pytest.raises(Refused, match="listener web reads no server names"):
        supervisor.explain("192.0.2.1", "web", server_name="shop.example.org")


def test_check_reports_every_problem_and_changes_nothing(world: World) -> None:
    supervisor = world.supervisor()
    bad = FILE.replace("weight = 2", "weight = 999").replace('cluster = "web"', 'cluster = "wep"')
    result = supervisor.check(bad, "new.toml")
    assert not result.ok
    assert {problem.key for problem in result.problems} == {
        "clusters.web.nodes.b.weight",
        "listeners.web.cluster",
    }
    assert supervisor.check(FILE).nodes == 3
    world.path.write_text('include = ["sites/*.toml"]\n' + FILE)
    result = supervisor.check()
    assert (result.source, len(result.warnings)) == (str(world.path), 1)
    assert '"sites/*.toml"' in result.warnings[0]


def test_after_stop_everything_is_refused(world: World) -> None:
    supervisor = world.supervisor()
    supervisor.stop()
    supervisor.stop()
    with pytest.raises(Refused) as refused:
        supervisor.status()
    assert refused.value.kind == "stopped"


def test_nothing_is_applied_while_draining(world: World) -> None:
    supervisor = world.supervisor()
    supervisor.drain()
    assert supervisor.drain() == 0
    assert world.engine.calls == ["drain"]
    with pytest.raises(Refused, match="draining"):
        supervisor.set_node("web", "a", NodeSetting("offline"))
    supervisor.running.addresses_changed(["a.internal"])
    assert len(world.engine.plans) == 1
    assert supervisor.status().draining

"""What goes into the REST interface and what comes out: decoded, checked, and never a fault of ours."""

from __future__ import annotations

import string

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.admin import Rig
from fakes.supervisor import STATUS
from protobalance.api import connection
from protobalance.api.errors import ErrorAnswer
from protobalance.api.operation import AnyOperation
from protobalance.api.registry import OPERATIONS
from protobalance.control.refusal import Refused

ON_ONE_SERVER = settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
GETS = [operation for operation in OPERATIONS if operation.method == "GET"]
POSTS = [operation for operation in OPERATIONS if operation.method == "POST"]


def refusal(body: bytes) -> ErrorAnswer:
    return msgspec.json.decode(body, type=ErrorAnswer)


def test_an_answer_is_what_the_supervisor_said(rig: Rig) -> None:
    answer = rig.request("GET", "/v1/status")
    assert answer.status == 200
    assert msgspec.json.decode(answer.body, type=type(STATUS)) == STATUS


def test_a_question_in_the_query_reaches_the_supervisor_typed(rig: Rig) -> None:
    assert rig.request("GET", "/v1/sessions?listener=web&node=web%2Fa&limit=7").status == 200
    assert rig.supervisor.calls == [("sessions", "web", "web/a", "", 7)]


@pytest.mark.parametrize(
    ("target", "status", "word"),
    [
        ("/v1/sessions?lissener=web", 422, "lissener"),
        ("/v1/sessions?limit=many", 422, "limit"),
        ("/v1/sessions?limit=0", 422, "limit"),
        ("/v1/sessions?limit=1&limit=2", 400, "more than once"),
        ("/v1/nothing", 404, "path"),
        ("/v2/status", 404, "path"),
        ("/v1/status/", 404, "path"),
    ],
)
def test_a_bad_question_is_refused_with_its_reason(rig: Rig, target: str, status: int, word: str) -> None:
    answer = rig.request("GET", target)
    assert answer.status == status
    assert word in refusal(answer.body).what
    assert refusal(answer.body).hint
    assert rig.supervisor.calls == []


def test_a_change_by_get_is_refused(rig: Rig) -> None:
    answer = rig.request("GET", "/v1/set-node?cluster=web&node=a&clear=true")
    assert answer.status == 405
    assert refusal(answer.body).error == "malformed"
    assert rig.supervisor.changes == 0


def test_the_same_transaction_twice_changes_once(rig: Rig) -> None:
    order = {"cluster": "web", "node": "a", "admin_state": "draining", "transaction": "t1"}
    first, second = rig.post("/v1/set-node", order), rig.post("/v1/set-node", order)
    assert (first.status, second.status) == (200, 200)
    assert rig.supervisor.changes == 1
    assert isinstance(first.json, dict)
    assert second.json == first.json | {"replayed": True}


def test_one_transaction_id_for_two_changes_is_a_conflict(rig: Rig) -> None:
    rig.post("/v1/redirect", {"listener": "web", "cluster": "green", "transaction": "t1"})
    answer = rig.post("/v1/redirect", {"listener": "web", "cluster": "blue", "transaction": "t1"})
    assert answer.status == 409
    assert refusal(answer.body).error == "conflict"


def test_an_unknown_name_is_not_found_and_the_nearest_is_told(rig: Rig) -> None:
    answer = rig.post("/v1/set-node", {"cluster": "web", "node": "aa", "clear": True})
    assert answer.status == 404
    assert refusal(answer.body).error == "unknown"
    assert "web/a" in refusal(answer.body).hint


def test_a_bad_configuration_comes_back_with_every_problem(rig: Rig) -> None:
    answer = rig.post("/v1/apply", {"text": "[lisseners.web]\n[clustres.web]\n", "source": "mine.toml"})
    found = refusal(answer.body)
    assert answer.status == 422
    assert len(found.problems) >= 2
    assert {problem.source for problem in found.problems} == {"mine.toml"}
    assert all(problem.line for problem in found.problems)


@pytest.mark.parametrize(
    ("kind", "status"), [("invalid", 422), ("conflict", 409), ("engine", 409), ("stopped", 503)]
)
def test_each_kind_of_refusal_has_its_status(rig: Rig, kind: object, status: int) -> None:
    rig.supervisor.failure = Refused(kind, "the what", "the where", "the remedy")  # type: ignore[arg-type]  # a str
    answer = rig.request("GET", "/v1/status")
    assert answer.status == status
    assert refusal(answer.body) == ErrorAnswer(kind, "the what", "the where", "the remedy")  # type: ignore[arg-type]  # a str


def test_our_own_fault_is_logged_and_shows_nothing_of_the_inside(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.supervisor.failure = RuntimeError("a secret of the inside")
    answer = rig.request("GET", "/v1/status")
    assert answer.status == 500
    assert refusal(answer.body).error == "internal"
    assert b"secret" not in answer.body
    assert b"Traceback" not in answer.body
    assert "a secret of the inside" in caplog.text


def test_a_body_that_is_not_declared_as_json_is_refused(rig: Rig) -> None:
    body = b'{"listener":"web","cluster":null}'
    assert rig.request("POST", "/v1/redirect", body, "text/plain").status == 415
    assert rig.request("POST", "/v1/redirect", body, "application/json; charset=utf-8").status == 200


def test_a_body_over_the_limit_is_refused(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BODY_LIMIT", 1000)
    fits = rig.post("/v1/check", {"text": "#" * 900})
    assert fits.status == 200
    too_large = rig.post("/v1/check", {"text": "#" * 1000})
    assert too_large.status == 413
    assert refusal(too_large.body).error == "too-large"


@pytest.mark.parametrize("operation", POSTS, ids=lambda operation: operation.name)
def test_a_post_takes_no_query(rig: Rig, operation: AnyOperation) -> None:
    assert rig.request("POST", f"{operation.path}?transaction=t1", b"{}").status == 400


def bodies(operation: AnyOperation) -> st.SearchStrategy[bytes]:
    """Bytes, JSON of any shape, and JSON that has the right keys with any values."""
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    value = st.recursive(
        leaf, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
    )
    keys = st.sampled_from(operation.input.__struct_fields__)
    right_keys = st.dictionaries(keys, value | st.sampled_from(["web", "a", "draining", "t1"]))
    as_json = (value | right_keys).map(msgspec.json.encode)
    return st.binary() | as_json | st.builds(lambda text, cut: text[:cut], as_json, st.integers(0, 30))


@pytest.mark.parametrize("operation", POSTS, ids=lambda operation: operation.name)
@ON_ONE_SERVER
@given(data=st.data())
def test_no_body_is_our_fault(rig: Rig, operation: AnyOperation, data: st.DataObject) -> None:
    answer = rig.request("POST", operation.path, data.draw(bodies(operation)))
    assert answer.status in {200, 400, 404, 409, 422}
    if answer.status != 200:
        assert refusal(answer.body).what


@pytest.mark.parametrize("operation", GETS, ids=lambda operation: operation.name)
@ON_ONE_SERVER
@given(query=st.text("&=%;+" + string.ascii_letters + string.digits, max_size=60))
def test_no_query_is_our_fault(rig: Rig, operation: AnyOperation, query: str) -> None:
    answer = rig.request("GET", f"{operation.path}?{query}")
    assert answer.status in {200, 400, 422}


@pytest.mark.parametrize(
    "body",
    [
        b'{"text":"\xff"}',
        b'{"source":"\\ud800","text":""}',
        b'{"text":"' + b"[" * 50_000 + b'"}',
        b"[" * 50_000,
    ],
)
def test_a_body_made_to_hurt_is_refused_like_any_other(rig: Rig, body: bytes) -> None:
    assert rig.request("POST", "/v1/check", body).status in {200, 400, 422}

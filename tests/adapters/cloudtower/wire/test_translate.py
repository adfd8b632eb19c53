"""CloudTower's JSON, as documented, as shown by the vendor's page, and as nobody has announced it."""

from math import inf, nan
from typing import Any

import pytest

from adapters.cloudtower.wire import translate
from adapters.cloudtower.wire.translate import Strange


@pytest.mark.parametrize(
    ("listed", "ids"),
    [
        ([{"vm_uuid": "b"}, {"vm_uuid": "a"}], ("a", "b")),
        (["b", "a"], ("a", "b")),
        ([{"vm_uuid": "a"}, "a"], ("a",)),
        ([], ()),
    ],
)
def test_the_shutdown_list_is_read_in_either_shape(listed: Any, ids: tuple[str, ...]) -> None:
    assert translate.shutdown_list({"done": True, "shutdownVms": listed}) == ids


def test_what_looks_like_a_secret_in_the_words_of_a_task_is_hidden() -> None:
    jwt = "eyJhbGciOiJIUzI1NiJ9.s3cret-value.signature"
    said = f'{{"ec": "VM_STOP_FAIL", "error": {{"msg": "agent refused {jwt}"}}, "password": "hunter2"}}'
    failed = translate.task({"id": "t1", "status": "FAILED", "error_message": said})
    assert "agent refused •••" in failed.error_message
    assert "s3cret" not in failed.error_message
    assert "hunter2" not in failed.error_message
    assert translate.why_failed(failed) == "VM_STOP_FAIL: agent refused •••"


def test_a_precheck_that_is_not_done_lists_nothing() -> None:
    assert translate.shutdown_list({"done": False, "shutdownVms": []}) is None


@pytest.mark.parametrize(
    "reply",
    [
        *(None, [], {}, {"done": "yes"}, {"done": True}, {"done": True, "shutdownVms": None}),
        *({"done": True, "shutdownVms": {}}, {"done": True, "shutdownVms": [{}]}, {"done": True, "shutdownVms": [7]}),
    ],
)
def test_what_is_no_precheck_is_not_taken_for_a_free_pass(reply: Any) -> None:
    with pytest.raises(Strange):
        translate.shutdown_list(reply)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("4.8.1", (4, 8, 1)), ("4.0", (4, 0, 0)), ("v4.9.0-rc1", (4, 9, 0)), ("nightly", None), ("", None)],
)
def test_versions_are_numbers_or_nothing(text: str, numbers: tuple[int, int, int] | None) -> None:
    assert translate.version(text) == numbers


@pytest.mark.parametrize(
    ("message", "code", "why"),
    [
        (
            (
                'Cannot unwrap Ok value of Result.Err.\r\ncode: CREATE_VM_FAILED\r\nmessage: {"data":{},'
                '"ec":"VM_CLOUD_INIT_CONFIG_ERROR","error":{"msg":"[VM] no \\"network\\""}}'
            ),
            None,
            'VM_CLOUD_INIT_CONFIG_ERROR: [VM] no "network"',
        ),
        ("Cannot unwrap.\r\ncode: LOCKED\r\nmessage: the VM is locked", None, "LOCKED: the VM is locked"),
        ("plain words", "E1", "E1: plain words"),
        ("", "E1", "E1"),
        ("", None, "CloudTower gives no reason"),
        ('code: X\r\nmessage: {"broken', None, "X"),
    ],
)
def test_a_failures_cause_is_dug_out_of_its_nested_text(message: str, code: str | None, why: str) -> None:
    task = translate.task({"id": "t", "status": "FAILED", "error_code": code, "error_message": message})
    assert translate.why_failed(task) == why
    assert task.error_message == message


@pytest.mark.parametrize(
    ("status", "progress", "fraction"),
    [
        *(("EXECUTING", 0.5, 0.5), ("EXECUTING", 37, 0.37), ("EXECUTING", 100, 0.99), ("EXECUTING", None, None)),
        *(("SUCCESSED", 0, 1.0), ("EXECUTING", -1, None), ("EXECUTING", inf, None), ("EXECUTING", nan, None)),
    ],
)
def test_progress_is_a_fraction_on_either_scale_and_whole_only_after_success(
    status: str, progress: Any, fraction: float | None
) -> None:
    assert translate.task({"id": "t", "status": status, "progress": progress}).progress == fraction


@pytest.mark.parametrize("state", [{}, {"host_state": None}, {"host_state": {"state": "IN_USE"}}])
def test_a_host_without_maintenance_state_is_in_use(state: dict[str, Any]) -> None:
    assert translate.host({"id": "h", "name": "n", **state}).mode == translate.IN_USE


def test_an_unknown_maintenance_state_stays_what_it_is() -> None:
    assert translate.host({"id": "h", "host_state": {"state": "EXITING"}}).mode == "EXITING"


@pytest.mark.parametrize("reply", [None, {}, "x", [1, "y"], 7, [{}], [{"id": None}]])
def test_a_reply_that_is_no_list_of_named_objects_is_not_an_empty_one(reply: Any) -> None:
    with pytest.raises(Strange):
        translate.rows(reply, "id")


@pytest.mark.parametrize("reply", [None, [], {}, {"aggregate": None}, {"aggregate": {"count": "3"}}, {"count": 3}])
def test_a_reply_without_a_count_counts_nothing(reply: Any) -> None:
    with pytest.raises(Strange):
        translate.count(reply)


@pytest.mark.parametrize("reply", [None, [], {}, "x", {"status": "ok"}])
def test_what_no_call_of_cloudtower_answers_is_not_taken_for_its_task(reply: Any) -> None:
    with pytest.raises(Strange):
        translate.task_id(reply)


def test_task_ids_are_read_from_host_operations_and_from_vm_operations() -> None:
    assert translate.task_id({"task_id": "t", "data": {}}) == "t"
    assert translate.task_id([{"task_id": "t", "data": {}}]) == "t"
    assert translate.task_id({"task_id": None, "data": {}}) == ""


@pytest.mark.parametrize("number", [inf, -inf, nan, None, "7", []])
def test_what_is_no_number_counts_as_none(number: Any) -> None:
    vm = translate.vm({"id": "v", "name": "v", "status": "RUNNING", "memory": number, "vcpu": number})
    assert (vm.memory, vm.vcpu) == (0, 0)

"""What answers, exceptions and Nova's own words become: one of three errors, a sentence, a remedy, no secret."""

import json
from math import inf

import pytest
from keystoneauth1 import exceptions as keystone
from openstack import exceptions as sdk

from adapters.openstack.wire import errors
from adapters.openstack.wire.explanations import explain
from bot.domain.cloud import CloudError, Refused, Unreachable


def answer(status: int, message: str = "words of the cloud", *, service: str = "compute") -> CloudError:
    fault = "itemNotFound" if status == 404 else "someFault"
    body = json.dumps({fault: {"code": status, "message": message}})
    return errors.of_answer(status, body, service=service, doing="evacuate web-1")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 406, 409, 413])
def test_a_clear_no_is_refused_and_its_own_words_are_kept(status: int) -> None:
    error = answer(status)
    assert isinstance(error, Refused)
    assert error.remedy
    assert f"HTTP {status} from Nova: words of the cloud" in error.raw


@pytest.mark.parametrize("status", [301, 408, 425, 429, 500, 502, 503, 504])
def test_an_answer_that_proves_nothing_leaves_the_fate_open(status: int) -> None:
    error = answer(status)
    assert isinstance(error, Unreachable)
    assert str(status) in error.sentence
    assert error.remedy


@pytest.mark.parametrize(
    ("status", "after", "is_over", "put_off"),
    [
        (500, 30.0, True, None),
        (503, 30.0, True, None),
        (502, 0.1, True, None),
        (502, 30.0, False, None),
        (502, inf, False, None),
        (504, 0.1, False, None),
        (408, 0.1, False, None),
        (429, 0.1, False, 0.0),
    ],
)
def test_what_an_error_says_of_a_call_that_changes_something(
    status: int, after: float, is_over: bool, put_off: float | None
) -> None:
    """A proxy that waited says nothing of the service, which may still be at work."""
    error = errors.of_answer(status, "upstream trouble", service="compute", doing="evacuate web-1", after=after)
    assert isinstance(error, Unreachable)
    assert (error.is_over, error.put_off) == (is_over, put_off)


def test_a_413_that_says_when_to_come_back_is_a_rate_limit() -> None:
    error = errors.of_answer(413, "slow down", service="compute", doing="evacuate web-1", retry_after="7")
    assert isinstance(error, Unreachable)
    assert error.put_off == 7.0


def test_a_missing_right_is_named() -> None:
    error = answer(403, "Policy doesn't allow os_compute_api:os-evacuate to be performed.")
    assert "os_compute_api:os-evacuate" in error.sentence
    assert "admin" in error.remedy


def test_a_quota_that_is_used_up_is_not_taken_for_a_missing_right() -> None:
    error = answer(403, "Quota exceeded for cores: Requested 1, but already used 20 of 20 cores")
    assert "quota" in error.sentence
    assert "right" not in error.sentence


def test_expired_credentials_are_named() -> None:
    error = answer(401)
    assert "credentials" in error.sentence
    assert "clouds.yaml" in error.remedy


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"badRequest": {"code": 400, "message": "in use"}}', "in use"),
        ('{"error": {"code": 401, "message": "auth", "title": "Unauthorized"}}', "auth"),
        ('{"errors": [{"status": 404, "title": "Not Found", "detail": "no provider"}]}', "no provider"),
        ('{"errors": [{"title": "Not Found"}]}', "Not Found"),
        ('{"message": "plain"}', "plain"),
        ("<html><body><h1>502 Bad Gateway</h1></body></html>", "502 Bad Gateway"),
        ("", ""),
        ("[1]", "[1]"),
    ],
)
def test_the_message_is_found_in_every_service_s_error(body: str, message: str) -> None:
    assert errors.message_in(body) == message


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (keystone.ConnectFailure("Unable to establish connection to http://10.0.0.1:8774/v2.1"), Unreachable),
        (keystone.ConnectTimeout("Request timed out"), Unreachable),
        (keystone.SSLError("certificate verify failed"), Unreachable),
        (keystone.UnknownConnectionError("odd", OSError("odd")), Unreachable),
        (keystone.DiscoveryFailure("no versions"), Unreachable),
        (TimeoutError(), Unreachable),
        (ConnectionResetError("reset"), Unreachable),
        (ValueError("not JSON"), Unreachable),
        (RecursionError("lists in lists"), Unreachable),
        (keystone.Unauthorized("requires authentication"), Refused),
        (keystone.InternalServerError("boom"), Unreachable),
        (keystone.EndpointNotFound("no compute"), Refused),
        (keystone.MissingRequiredOptions([]), Refused),
        (keystone.AuthorizationFailure("none"), Refused),
        (sdk.ConfigException("Cloud prod was not found."), Refused),
    ],
)
def test_every_exception_of_the_library_becomes_one_of_ours(raised: Exception, kind: type[CloudError]) -> None:
    error = errors.of_exception(raised, service="compute", doing="list servers")
    assert isinstance(error, kind)
    assert error.sentence
    assert error.remedy


def test_the_address_that_does_not_answer_is_named() -> None:
    raised = keystone.ConnectFailure("Unable to establish connection to http://10.0.0.1:8774/v2.1/servers: refused")
    assert "http://10.0.0.1:8774" in errors.of_exception(raised, service="compute", doing="list servers").sentence


@pytest.mark.parametrize(
    "text",
    [
        "X-Auth-Token: s3cret-value",
        '{"auth": {"password": "s3cret-value"}}',
        "password=s3cret-value,",
        "adminPass: 's3cret-value'",
        "http://admin:s3cret-value@keystone/v3",
        "token gAAAAABs3cret-valueabcdefghijklmnopqrstuvw",
        "eyJhbGciOiJFUzI1NiJ9s3cret-value.payload.signature",
    ],
)
def test_secrets_are_cleaned_out(text: str) -> None:
    assert "s3cret-value" not in errors.clean(text)
    assert "s3cret-value" not in answer(400, text).raw
    assert "s3cret-value" not in str(answer(400, text))


def test_endless_text_is_cut() -> None:
    assert len(errors.clean("x" * 100_000)) < 1000


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Compute service of compute1 is still in use.", "compute1's compute service is still in use"),
        ("The target host can't be the same one.", "the host that the VM is to leave"),
        ("Compute host nope not found.", "no compute host nope"),
        ("Compute host nope could not be found.", "no compute host nope"),
        ("Cannot 'evacuate' instance 1-2 while it is in vm_state paused", "is paused"),
        ("Cannot 'evacuate' instance 1-2 while it is in task_state migrating", "(migrating)"),
        ("Instance 1-2 is in an invalid state for 'abort live migration'", "not being migrated any more"),
        ("Instance 1-2 is in an invalid state for 'force_complete'", "not being migrated any more"),
        (
            "Migration 5 state of instance 1-2 is post-migrating. Cannot abort live migration while it is in this state.",
            "only while the migration is running, and it is post-migrating",
        ),
        (
            "Migration 5 state of instance 1-2 is preparing. Cannot force complete while it is in this state.",
            "preparing",
        ),
        ("Instance 1-2 could not be found.", "does not exist any more"),
        ("Service 1-2 could not be found.", "no longer knows this compute service"),
        ("Host 'nope' is not mapped to any cell", "no longer knows this compute service"),
        ("No valid host was found. There are not enough hosts available.", "scheduler found no host"),
        ("Conflict updating instance 1-2. Expected: {}", "Two evacuations"),
        ("Insufficient compute resources: Free memory 1 MB < requested 2 MB.", "no room for it"),
        ("Failed to deploy instance: disk image missing", "disk image missing"),
        ("Quota exceeded for cores: Requested 1", "quota"),
        ("Starting with microversion 2.95, evacuate API will stop instance on destination.", "leave an evacuated VM"),
        ("Feature not supported until computes have not been updated.", "too old"),
        ("Unsupported RPC version for evacuate. Required >= 6.2", "too old"),
        ("The port-resource-request-groups API is not supported. Upgrade your compute services to Xena.", "too old"),
        ("Feature not supported with instances that have shares.", "VM with shares"),
        ("Feature not supported with instances that have accelerators.", "VM with accelerators"),
        ("Feature not supported with Ports that have accelerators.", "VM with Ports that have accelerators"),
        ("Anti-affinity instance group policy was violated", "server group (Anti-affinity)"),
        ("Binding failed for port 1-2, please check neutron logs for more information.", "its port 1-2"),
        ("PCI device request [{}] failed", "no free PCI device"),
        ("Insufficient compute resources: Claim pci failed.", "no free PCI device"),
        ("Forbidden: Secret payload retrieval attempt not allowed - please review your user/project", "read the key"),
        (
            "Volume 1-2 could not be attached. Reason: multipathd is down",
            "1-2 could not be attached: multipathd is down",
        ),
        ("Connection to cinder host failed: Unable to establish connection", "Cinder did not answer"),
        ("The supplied disk path (/var/lib/nova/1-2) already exists, it is expected not to", "at /var/lib/nova/1-2"),
        ("Invalid state of instance files on shared storage", "not where Nova expects it"),
        ("Timed out waiting for a reply to message ID 1234", "did not answer another"),
        ("Service is unavailable at this time.", "is down"),
        ("Instance 1-2 is locked", "is locked"),
        ("Operation 'evacuate' not supported for vTPM-enabled instance (1-2).", "VM with vTPM"),
        ("Operation 'evacuate' not supported for instance with vDPA ports (1-2).", "VM with vDPA ports"),
        ("Version 2.95 is not supported by the API. Minimum is 2.1 and maximum is 2.79.", "microversion 2.95"),
    ],
)
def test_what_nova_says_is_explained_with_a_remedy(message: str, words: str) -> None:
    sentence, remedy = explain(message)
    assert words in sentence
    assert remedy


def test_words_that_nobody_knows_are_passed_on() -> None:
    assert explain("the moon is too full") == ("", "")
    assert "the moon is too full" in answer(400, "the moon is too full").sentence


@pytest.mark.parametrize("state", ["paused", "suspended", "rescued", "resized", "shelved_offloaded", "building"])
def test_each_state_that_nova_does_not_evacuate_has_a_remedy_of_its_own(state: str) -> None:
    sentence, remedy = explain(f"Cannot 'evacuate' instance 1 while it is in vm_state {state}")
    assert state in sentence
    assert remedy

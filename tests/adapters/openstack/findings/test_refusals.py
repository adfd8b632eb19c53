"""What Nova refuses, over the wire: a sentence that names the VM, what to do next, and Nova's own words kept."""

import pytest

from adapters.simulated.faults import Break, CallFault, Effect, MoveFault
from bot.domain.cloud import Refused, Seen
from tests.contract.arena_openstack import openstack_arena
from tests.contract.clouds import up_to_the_move

REFUSALS = [
    (400, "Compute service of compute-1 is still in use.", "compute-1's compute service is still in use"),
    (404, "Compute host compute-9 not found.", "no compute host compute-9"),
    (400, "The target host can't be the same one.", "the host that the VM is to leave"),
    (409, "Cannot 'evacuate' instance 1-2 while it is in vm_state paused", "is paused"),
    (409, "Cannot 'evacuate' instance 1-2 while it is in task_state powering-off", "busy with this VM (powering-off)"),
    (404, "Instance 1-2 could not be found.", "does not exist any more"),
    (400, "No valid host was found. There are not enough hosts available.", "found no host that has room"),
    (403, "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances", "quota of its project"),
    (403, "Policy doesn't allow os_compute_api:os-evacuate to be performed.", "os_compute_api:os-evacuate is missing"),
    (400, "Operation 'evacuate' not supported for vTPM-enabled instance (1-2).", "a VM with vTPM"),
    (409, "Feature not supported with instances that have shares.", "a VM with shares"),
    (400, "Feature not supported with Ports that have accelerators.", "Ports that have accelerators"),
    (400, "Starting with microversion 2.95, evacuate API will stop instance on destination.", "too old"),
    (409, "Unsupported RPC version for evacuate. Required >= 6.2", "too old"),
    (406, "Version 2.94 is not supported by the API. Minimum is 2.1 and maximum is 2.90.", "microversion 2.94"),
    (400, "The moon is too full.", "The moon is too full."),
]


@pytest.mark.parametrize(("status", "message", "words"), REFUSALS)
async def test_every_refusal_names_the_vm_says_why_and_what_to_do_next(status: int, message: str, words: str) -> None:
    async with openstack_arena(vms=1) as arena:
        step = await up_to_the_move(arena, await arena.planned())
        arena.world.faults.order(CallFault(effect=Effect.ANSWER, path="/action$", status=status, message=message))
        with pytest.raises(Refused) as refused:
            await arena.cloud.start(step)
        assert "evacuate vm-1" in refused.value.sentence
        assert words in refused.value.sentence
        assert refused.value.remedy
        assert message.rstrip(".") in refused.value.raw


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Volume 1-2 could not be attached. Reason: multipathd is down", "multipathd is down"),
        ("Forbidden: Secret payload retrieval attempt not allowed", "could not read the key"),
        ("Binding failed for port 1-2, please check neutron logs for more information.", "could not bind its port"),
        ("Anti-affinity instance group policy was violated", "server group"),
        ("The supplied disk path (/var/lib/nova/1-2) already exists", "/var/lib/nova/1-2"),
        ("Insufficient compute resources: Claim pci failed.", "PCI device"),
    ],
)
async def test_what_failed_on_the_target_is_explained_too(reason: str, words: str) -> None:
    async with openstack_arena(vms=1) as arena:
        plan = await arena.planned(to="compute-2")
        arena.world.faults.order_move(MoveFault(how=Break.SPAWN, reason=reason))
        step = await up_to_the_move(arena, plan)
        await arena.cloud.start(step)
        for _ in range(60):
            seen = (await arena.cloud.look([step]))[step.key]
            if seen.seen is Seen.FAILED:
                break
            await arena.pass_time(1)
        assert seen.seen is Seen.FAILED
        assert seen.sentence.startswith("vm-1 was not evacuated: ")
        assert words in seen.sentence
        assert seen.remedy
        assert reason.rstrip(".") in seen.raw

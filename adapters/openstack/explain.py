"""What Nova's refusals and faults mean to an operator, and what to do next. Pure.

The texts are those measured on Nova 34 (2026.2) and read in its source.
"""

import re

_STATES = {
    "paused": "Unpause it when the host is back, or have it reset to active (`openstack server set --state active`).",
    "suspended": "It can be resumed when the host is back; its memory is on that host's disk.",
    "rescued": "Unrescue it when the host is back, or have it reset to active.",
    "resized": "Confirm or revert its resize first.",
    "shelved": "Nothing is lost: unshelve it.",
    "shelved_offloaded": "Nothing to do: it is on no host.",
}

_EXPLAINED: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (
        re.compile(r"Compute service of (?P<host>\S+) is still in use"),
        "{host}'s compute service is still in use: Nova counts it as up, so nothing is evacuated from it.",
        "If the host is alive, use /maintenance enter. If it is dead, see that it is forced down, then retry.",
    ),
    (
        re.compile(r"target host can't be the same one"),
        "The target is the host that the VM is to leave.",
        "Choose another target, or none.",
    ),
    (
        re.compile(r"Compute host (?P<host>\S+) (?:not found|could not be found)"),
        "Nova knows no compute host {host}.",
        "Name the target exactly as `openstack compute service list` does.",
    ),
    (
        re.compile(r"while it is in vm_state (?P<state>\w+)"),
        "Nova does not do this to a VM that is {state}.",
        "",
    ),
    (
        re.compile(r"while it is in task_state (?P<task>[\w-]+)"),
        "Nova is still busy with this VM ({task}).",
        "Wait until that has ended, or have its state reset, then retry.",
    ),
    (
        re.compile(r"Instance \S+ (?:could not be found|is not found)"),
        "The VM does not exist any more.",
        "Somebody deleted it; re-check.",
    ),
    (
        re.compile(r"Service \S+ could not be found|Host '[^']*' is not mapped to any cell"),
        "Nova knows this compute service no more.",
        "Look at `openstack compute service list`; somebody may have deleted it.",
    ),
    (
        re.compile(r"No valid host was found"),
        "Nova's scheduler found no host that has room for it and that its zone, traits and server group allow.",
        "Make room or enable a host, then retry: its disk was not touched, whatever status Nova shows.",
    ),
    (
        re.compile(r"Conflict updating instance"),
        "Two evacuations of this VM ran at once and broke its record.",
        "See where its guest runs, then have its state reset (`openstack server set --state active`).",
    ),
    (
        re.compile(r"Insufficient compute resources|Free \w+ .*< requested"),
        "The chosen host had no room for it when it claimed it.",
        "Retry: the scheduler will choose again.",
    ),
    (
        re.compile(r"Failed to deploy instance: (?P<why>.+)"),
        "The target could not start it: {why}.",
        "Look into the nova-compute log of the target, then retry.",
    ),
    (
        re.compile(r"Operation '[\w-]+' not supported for (?:instance with )?(?P<why>.+?)(?:-enabled instance)? \("),
        "Nova does not do this to a VM with {why}.",
        "It comes back when its host does; or restore it from a backup.",
    ),
    (
        re.compile(r"Migration pre-check error: (?P<why>.+)"),
        "The check before the live migration failed: {why}.",
        "Correct what it says, or have its owner stop it and migrate it cold, then retry.",
    ),
    (
        re.compile(r"Compute service of (?P<host>\S+) is unavailable at this time"),
        "{host}'s compute service does not answer.",
        "See that nova-compute runs there, then retry.",
    ),
    (
        re.compile(r"Unable to force up host (?P<host>\S+)"),
        "Nova still has evacuations from {host} whose old guests nova-compute has not removed there.",
        "Restart nova-compute on it, wait until `openstack server migration list --host` shows no `done`, then retry.",
    ),
    (
        re.compile(r"[Qq]uota exceeded"),
        "A quota of its project is used up.",
        "Raise the project's quota, then retry.",
    ),
    (
        re.compile(r"Instance \S+ is locked"),
        "The VM is locked, and Muster's account may not override locks.",
        "Unlock it, or give Muster's account the admin role.",
    ),
    (
        re.compile(r"Version (?P<version>\S+) is not supported by the API"),
        "This cloud does not offer microversion {version}.",
        "Run `muster check`: it says which versions the cloud offers.",
    ),
)


def explain(message: str) -> tuple[str, str]:
    """A sentence and a remedy for a message of Nova; two empty strings when it is not known."""
    for pattern, sentence, remedy in _EXPLAINED:
        found = pattern.search(message)
        if found:
            words = {name: value.rstrip(".") for name, value in found.groupdict().items()}
            return sentence.format(**words), remedy or how_to_free(words.get("state", ""))
    return "", ""


def how_to_free(vm_state: str) -> str:
    """What helps a VM in a state that Nova does not evacuate."""
    return _STATES.get(vm_state, "Bring it into the state ACTIVE, SHUTOFF or ERROR first, then retry.")

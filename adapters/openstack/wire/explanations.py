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

_NO_HOST = re.compile(r"No valid host was found")
_EXPLAINED: tuple[tuple[re.Pattern[str], str, str], ...] = (  # what says more comes first
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
        re.compile(r"Instance \S+ is in an invalid state for '(?:abort live migration|force_complete)'"),
        "The VM is not being migrated any more.",
        "Nothing needs to be done: how its migration ended is told in a moment.",
    ),
    (
        re.compile(r"Migration \S+ state of instance \S+ is (?P<status>.+?)\. Cannot (?:abort live|force complete)"),
        "Nova takes this order only while the migration is running, and it is {status}.",
        "Nothing needs to be done: how it ends is told when it has ended.",
    ),
    (
        re.compile(r"Instance \S+ (?:could not be found|is not found)"),
        "The VM does not exist any more.",
        "Somebody deleted it; check again.",
    ),
    (
        re.compile(r"Service \S+ could not be found|Host '[^']*' is not mapped to any cell"),
        "Nova no longer knows this compute service.",
        "Look at `openstack compute service list`; somebody may have deleted it.",
    ),
    (
        _NO_HOST,
        "Nova's scheduler found no host that has room for it and that its zone, traits and server group allow.",
        "Make room or enable a host, then retry: its disk was not touched, whatever status Nova shows.",
    ),
    (
        re.compile(r"Conflict updating instance"),
        "Two evacuations of this VM ran at once and broke its record.",
        "See where its guest runs, then have its state reset (`openstack server set --state active`).",
    ),
    (
        re.compile(r"PCI device request .*failed|Claim pci failed|Insufficient .*PCI"),
        "The target has no free PCI device of the kind that it needs.",
        "Free one or choose another target, then retry.",
    ),
    (
        re.compile(r"Insufficient compute resources|Free \w+ .*< requested"),
        "The chosen host had no room for it when it claimed it.",
        "Retry: the scheduler will choose again.",
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
        re.compile(r"Starting with microversion 2\.95, evacuate API will stop"),
        "Some of the cloud's nova-computes are too old to leave an evacuated VM stopped.",
        'Set `evacuated_vms = "running"` of this cloud in the settings, then ask again; or finish the upgrade first.',
    ),
    (
        re.compile(r"Upgrade your compute services|until computes have not been updated|Unsupported RPC version"),
        "Some of the cloud's nova-computes are too old for it.",
        "Finish the cloud's upgrade, then retry.",
    ),
    (
        re.compile(r"Feature not supported with (?:instances that have )?(?P<what>shares|accelerators|Ports .+?)\.?$"),
        "Nova does not do this to a VM with {what}.",
        "It comes back when its host does; or restore it from a backup.",
    ),
    (
        re.compile(r"(?P<policy>[\w-]+) instance group policy was violated"),
        "Where it came up, it would break its server group ({policy}): another member arrived there first.",
        "Retry: the scheduler will choose again.",
    ),
    (
        re.compile(r"Binding failed for port (?P<port>[\w-]+)"),
        "Neutron could not bind its port {port} on the target.",
        "See that the target's network agent is alive (`openstack network agent list --host`), then retry.",
    ),
    (
        re.compile(r"(?i)secret \S* ?(?:payload )?retrieval attempt not allowed|key manager error|barbican"),
        "Nova could not read the key of an encrypted volume of it.",
        "Give Muster's account a role that may read the project's secrets in Barbican, then retry.",
    ),
    (
        re.compile(r"Volume (?P<volume>[\w-]+) could not be attached\. Reason: (?P<why>.+)"),
        "Its volume {volume} could not be attached: {why}.",
        "See that the volume's host answers (`openstack volume service list`), then retry.",
    ),
    (
        re.compile(r"Connection to cinder host failed|cinderclient|Gateway Time-?out"),
        "Cinder did not answer when Nova asked it about the volumes of the VM.",
        "See that cinder-api and the volume's own cinder-volume run (`openstack volume service list`), then retry.",
    ),
    (
        re.compile(r"supplied disk path \((?P<path>[^)]+)\) already exists"),
        "The target still has an old copy of its disk at {path}.",
        "Find out whose it is, move it aside on the target, then retry.",
    ),
    (
        re.compile(r"Invalid state of instance files on shared storage|is not on shared storage"),
        "Its disk is not where Nova expects it on the target: the hosts do not share their storage as told.",
        "Mount the shared storage on the target, or correct `shared_storage` in Muster's settings.",
    ),
    (
        re.compile(r"Timed out waiting for a reply to message ID"),
        "A part of Nova did not answer another in time.",
        "See that the message queue and nova-conductor are well, then retry: Muster looks first.",
    ),
    (
        re.compile(r"Service is unavailable at this time"),
        "A service of the cloud that is needed for it is down.",
        "Look at `openstack compute service list`, then retry.",
    ),
    (
        re.compile(r"Version (?P<version>\S+) is not supported by the API"),
        "This cloud does not offer microversion {version}.",
        "Run `muster check`: it says which versions the cloud offers.",
    ),
    (
        re.compile(r"Failed to deploy instance: (?P<why>.+)"),
        "The target could not start it: {why}.",
        "Look into the nova-compute log of the target, then retry.",
    ),
)


def explain(message: str, *, asked_for: str = "") -> tuple[str, str]:
    """A sentence and a remedy for a message of Nova; two empty strings when it is not known.

    Args:
        message: Nova's.
        asked_for: the only target that a person would have; empty: any would have done.
    """
    if asked_for and _NO_HOST.search(message):
        why = "it is down, disabled or full, or the VM's zone, traits or server group forbid it."
        untouched = "Its disk was not touched, whatever status Nova shows."
        return (
            f"Nova's scheduler did not take {asked_for}, which was asked for: {why}",
            f"{how_to_go_elsewhere(asked_for)} {untouched}",
        )
    for pattern, sentence, remedy in _EXPLAINED:
        found = pattern.search(message)
        if found:
            words = {name: value.rstrip(".") for name, value in found.groupdict().items()}
            return sentence.format(**words), remedy or how_to_free(words.get("state", ""))
    return "", ""


def how_to_go_elsewhere(asked_for: str) -> str:
    """What helps a VM that may go to one target alone, which did not take it."""
    return (
        f"Retry once {asked_for} takes VMs again: no other target was approved. To go elsewhere, cancel this and ask"
        " anew with another `--to`, or without."
    )


def how_to_free(vm_state: str) -> str:
    """What helps a VM in a state that Nova does not evacuate."""
    return _STATES.get(vm_state, "Bring it into the state ACTIVE, SHUTOFF or ERROR first, then retry.")

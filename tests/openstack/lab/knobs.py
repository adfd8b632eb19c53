"""Makes one compute slow, small or failing: the switches that the lab's virt driver reads."""

import json

from tests.openstack.lab.settings import LabError, Settings

KNOBS = {
    "spawn_seconds": "how long a boot or the target's part of an evacuation takes",
    "spawn_fail": "boots and evacuations to this host fail with this text",
    "destroy_seconds": "how long the removal of a guest takes",
    "lm_seconds": "how long a live migration away from this host takes (1)",
    "lm_fail": "live migrations away from this host fail in the copy, with this text",
    "lm_check_fail": "live migrations to this host fail in the check, with this text",
    "lm_prepare_fail": "live migrations to this host fail in the preparation, with this text",
    "lm_guest": "the name of the one guest that these three failures concern (all guests)",
    "vcpus": "vCPUs of the host, known to Placement within a minute (1000)",
    "memory_mb": "memory of the host in MiB, likewise (800000)",
    "local_gb": "disk of the host in GiB, likewise (600000)",
}


def turn(settings: Settings, host: str, **values: str | float) -> None:
    """Set knobs of a host; the ones not named stay as they are.

    Raises:
        LabError: There is no such host or knob.
    """
    if unknown := values.keys() - KNOBS.keys():
        raise LabError(f"no knob {', '.join(sorted(unknown))}: have {', '.join(KNOBS)}")
    if host not in settings.all_computes:
        raise LabError(f"there is no compute {host}: have {', '.join(settings.all_computes)}")
    path = settings.data / "nova" / host / "knobs.json"
    now = json.loads(path.read_text()) if path.exists() else {}
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(now | values))
    fresh.replace(path)


def clear(settings: Settings, host: str) -> None:
    """Let a host behave well again."""
    (settings.data / "nova" / host / "knobs.json").unlink(missing_ok=True)

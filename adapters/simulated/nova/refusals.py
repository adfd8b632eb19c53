"""What the simulated Nova refuses to move for what a server is made of, as Nova 34 does (nova/compute/api.py).

`evacuate`, `live_migrate` and `resize` (which is what a cold migration is) are decorated with these rules; a newer Nova
allows live migration of a vTPM whose secret its host keeps, and of vDPA ports.
"""

from adapters.simulated.openstack.http import ApiError
from adapters.simulated.records import SimVm

EVACUATE, LIVE, COLD = "evacuate", "live-migration", "resize"
_ACCELERATED = frozenset({"accelerator-direct", "accelerator-direct-physical"})


def must_be_allowed(vm: SimVm, operation: str) -> None:
    """Refuse what Nova refuses.

    Args:
        vm: the server.
        operation: `EVACUATE`, `LIVE` or `COLD`.
    """
    extra = dict(vm.flavor.extra) if vm.flavor else {}
    image = dict(vm.image.properties) if vm.image else {}
    if vm.shares:
        raise ApiError(409, "Feature not supported with instances that have shares.")
    if _ACCELERATED & set(vm.ports):
        raise ApiError(400, "Feature not supported with Ports that have accelerators.")
    if "accel:device_profile" in extra and operation != EVACUATE:
        raise ApiError(400, "Feature not supported with instances that have accelerators.")
    if "hw:tpm_version" in extra or "hw_tpm_version" in image:
        moves = operation == COLD or (operation == LIVE and extra.get("hw:tpm_secret_security") == "host")
        if not moves:
            raise ApiError(400, f"Operation '{operation}' not supported for vTPM-enabled instance ({vm.id}).")
    if operation == LIVE and "true" in {extra.get("hw:mem_encryption"), image.get("hw_mem_encryption")}:
        raise ApiError(400, f"Operation '{operation}' not supported for SEV-enabled instance ({vm.id}).")

"""JSON as Nova 34, Placement and Cinder wrote it, and what is read from it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.openstack.model import translate
from adapters.openstack.wire import versions
from adapters.openstack.wire.documents import SHAPES
from adapters.openstack.wire.versions import Microversion

SERVER: dict[str, Any] = {
    "id": "8858ee1c-dd52-41fb-a462-03fccd9501d4",
    "name": "vm-4",
    "status": "ACTIVE",
    "tenant_id": "p1",
    "image": {"id": "i1"},
    "flavor": {
        "vcpus": 2,
        "ram": 512,
        "disk": 10,
        "ephemeral": 5,
        "swap": 1500,
        "original_name": "m1.small",
        "extra_specs": {},
    },
    "updated": "2026-11-21T07:45:00Z",
    "locked": True,
    "OS-EXT-SRV-ATTR:host": "compute-1",
    "OS-EXT-STS:task_state": None,
    "OS-EXT-STS:vm_state": "active",
    "pinned_availability_zone": None,
}

NOTHING = {"vcpus": 1, "ram": 64, "disk": 0, "ephemeral": 0, "swap": 0}
BARE: dict[str, Any] = {
    "id": "s",
    "status": "ACTIVE",
    "image": "",
    "flavor": NOTHING,
    "OS-EXT-STS:vm_state": "active",
    "OS-EXT-STS:task_state": None,
}


def test_a_server_booted_from_an_image_has_its_disks_on_its_host() -> None:
    server = translate.server(SERVER)
    assert server.has_local_disk
    assert not server.boots_from_volume
    assert server.needs == {"VCPU": 2, "MEMORY_MB": 512, "DISK_GB": 10 + 5 + 2}
    assert (server.name, server.host, server.flavor, server.task) == ("vm-4", "compute-1", "m1.small", None)
    assert server.is_locked


def test_a_server_booted_from_a_volume_has_no_local_root_disk() -> None:
    flavor = SERVER["flavor"] | {"ephemeral": 0, "swap": 0}
    server = translate.server(SERVER | {"image": "", "flavor": flavor})
    assert server.boots_from_volume
    assert not server.has_local_disk
    assert server.needs["DISK_GB"] == 0


def test_a_server_booted_from_a_volume_with_an_ephemeral_disk_has_a_local_one() -> None:
    assert translate.server(SERVER | {"image": ""}).has_local_disk


def test_a_token_that_nova_echoes_in_a_fault_is_hidden() -> None:
    token = "gAAAAABs3cret-valueabcdefghijklmnopqrstuvw"
    fault = translate.server(SERVER | {"fault": {"message": f"Glance refused {token}, admin_pass=hunter2"}}).fault
    assert fault == "Glance refused •••, admin_pass=•••"
    row = {"binary": "nova-compute", "host": "compute-1", "state": "up", "status": "disabled"}
    service = translate.service({**row, "disabled_reason": f"AUTO: libvirt said {token}"})
    assert service.disabled_reason == "AUTO: libvirt said •••"


@pytest.mark.parametrize("image", [None, [], "ubuntu"])
def test_only_nova_s_own_word_means_that_there_is_no_image_and_so_no_disk_to_lose(image: Any) -> None:
    assert not translate.server(BARE).has_local_disk
    with pytest.raises(SHAPES):
        translate.server(BARE | {"image": image})
    with pytest.raises(SHAPES):
        translate.server({name: said for name, said in BARE.items() if name != "image"})


@pytest.mark.parametrize("name", NOTHING)
def test_what_a_flavor_does_not_say_is_not_nothing(name: str) -> None:
    with pytest.raises(SHAPES):
        translate.server(SERVER | {"flavor": {key: said for key, said in NOTHING.items() if key != name}})


def test_a_server_whose_flavor_nova_has_lost_counts_as_one_with_disks() -> None:
    assert translate.server(BARE | {"flavor": {}}).has_local_disk
    with pytest.raises(SHAPES):
        translate.server(BARE | {"flavor": None})


def test_a_flavor_with_a_vtpm_is_noticed() -> None:
    flavor = SERVER["flavor"] | {"extra_specs": {"hw:tpm_version": "2.0"}}
    assert translate.server(SERVER | {"flavor": flavor}).has_vtpm
    assert not translate.server(SERVER).has_vtpm


def test_a_deleted_server_is_gone() -> None:
    assert translate.server(SERVER | {"status": "DELETED", "OS-EXT-SRV-ATTR:host": None}).is_gone
    assert not translate.server(SERVER).is_gone


def test_a_server_without_a_host_attribute_is_on_no_host() -> None:
    shown = {k: v for k, v in SERVER.items() if k != "OS-EXT-SRV-ATTR:host"}
    assert translate.server(shown).host == ""


def test_a_service_says_its_state_as_people_do() -> None:
    shown = {
        "id": "s1",
        "binary": "nova-compute",
        "host": "compute-1",
        "zone": "nova",
        "status": "disabled",
        "state": "down",
        "forced_down": True,
        "disabled_reason": None,
        "updated_at": "2026-11-21T07:45:00.000000",
    }
    service = translate.service(shown)
    assert service.state == "down, forced down, disabled"
    assert service.disabled_reason == ""
    assert service.updated_at == datetime(2026, 11, 21, 7, 45, tzinfo=UTC)


def test_times_are_read_with_and_without_a_zone_and_nonsense_is_no_time() -> None:
    assert translate.moment("2026-11-21T07:45:00Z") == translate.moment("2026-11-21T07:45:00.000000")
    assert translate.moment(None) is None
    assert translate.moment("yesterday") is None
    assert translate.moment("0001-01-01T00:00:00Z") is None
    assert translate.moment("9999-12-31T23:59:59") is None


def test_a_group_has_one_policy_in_both_shapes() -> None:
    old = translate.group({"id": "g", "name": "n", "policies": ["affinity"], "members": ["a"]})
    new = translate.group({"id": "g", "name": "n", "policy": "affinity", "rules": {}, "members": ["a"]})
    assert old == new
    assert translate.group({"id": "g", "name": "n", "policies": [], "members": []}).policy == ""


def test_room_is_joined_by_the_uuid_that_hypervisor_and_provider_share() -> None:
    candidates = {
        "provider_summaries": {
            "u1": {"resources": {"VCPU": {"capacity": 64, "used": 4}}, "traits": ["COMPUTE_NODE"]},
            "shared": {"resources": {"DISK_GB": {"capacity": 9, "used": 0}}, "traits": []},
        }
    }
    hypervisors = [{"id": "u1", "service": {"host": "compute-1"}}, {"id": "u2", "service": {"host": "compute-2"}}]
    rooms = translate.rooms(candidates, hypervisors)
    assert set(rooms) == {"compute-1"}
    assert rooms["compute-1"].free == {"VCPU": 60}
    assert translate.provider_of("compute-1", hypervisors) == "u1"
    assert translate.provider_of("compute-9", hypervisors) is None


def test_aggregates_are_listed_by_host() -> None:
    found = translate.aggregates_by_host([{"name": "ssd", "hosts": ["a", "b"]}, {"name": "az", "hosts": ["a"]}])
    assert found == {"a": ("az", "ssd"), "b": ("ssd",)}


def test_the_microversion_for_an_evacuation_is_chosen_on_purpose() -> None:
    newest, older = Microversion((2, 104)), Microversion((2, 79))
    assert versions.for_evacuation(newest, stopped=False) == "2.94"
    assert versions.for_evacuation(newest, stopped=True) == "2.95"
    assert versions.for_evacuation(older, stopped=False) == "2.79"
    assert versions.for_evacuation(older, stopped=True) == "2.79"
    assert versions.leaves_stopped("2.95")
    assert versions.leaves_stopped("2.100")
    assert not versions.leaves_stopped("2.94")
    assert not versions.leaves_stopped("2.9")


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ({}, (False, False, False, ())),
        ({"hw:tpm_version": "2.0"}, (True, False, False, ())),
        ({"hw:tpm_version": "2.0", "hw:tpm_secret_security": "host"}, (True, True, False, ())),
        ({"hw:mem_encryption": "True"}, (False, False, True, ())),
        ({"hw:mem_encryption": "false"}, (False, False, False, ())),
        ({"accel:device_profile": "fpga"}, (False, False, False, ("an accelerator",))),
        ({"pci_passthrough:alias": "nic:1", "resources:VGPU": "1"}, (False, False, False, ("a PCI device", "a vGPU"))),
    ],
)
def test_what_ties_a_server_to_its_host_is_read_from_its_flavor(
    extra: dict[str, str], told: tuple[object, ...]
) -> None:
    shown = translate.server(BARE | {"flavor": NOTHING | {"extra_specs": extra}})
    assert (shown.has_vtpm, shown.has_portable_vtpm, shown.has_encrypted_memory, shown.devices) == told


def test_what_an_image_says_counts_too_where_nova_shows_it() -> None:
    properties = {
        "hw_tpm_version": "2.0",
        "hw_mem_encryption": "true",
        "trait:HW_A": "required",
        "trait:HW_B": "required",
    }
    shown = translate.server(
        BARE
        | {
            "image": {"id": "i", "properties": properties},
            "flavor": NOTHING | {"extra_specs": {"trait:HW_B": "forbidden"}},
        }
    )
    assert shown.has_vtpm
    assert shown.has_encrypted_memory
    assert shown.traits == {"HW_A": "required", "HW_B": "forbidden"}
    assert not translate.server(BARE | {"image": {"id": "i"}}).has_vtpm


def test_the_metadata_of_a_host_s_aggregates_are_put_together() -> None:
    found = [
        {"hosts": ["a", "b"], "metadata": {"disk": "ssd"}},
        {"hosts": ["b"], "metadata": {"disk": "nvme, hdd", "net": "fast"}},
        {"hosts": [], "metadata": {"disk": "tape"}},
    ]
    assert translate.tags_by_host(found) == {
        "a": {"disk": frozenset({"ssd"})},
        "b": {"disk": frozenset({"ssd", "nvme", "hdd"}), "net": frozenset({"fast"})},
    }

"""What this lab's Nova does otherwise than one that nobody has configured, each with its reason.

Whatever else the lab writes into nova.conf says where its parts are (`WIRING`). What stands in neither is Nova's default:
one live migration at a time away from a host (`max_concurrent_live_migrations`), ports that are waited for for five
minutes (`vif_plugging_timeout`, `vif_plugging_is_fatal`), three attempts at a boot, ten builds at once.
"""

from collections.abc import Mapping

DIFFERENCES: Mapping[tuple[str, str], str] = {
    ("DEFAULT", "compute_driver"): "no hypervisor; guests of its own that can be slow and fail (lab/inside)",
    ("DEFAULT", "report_interval"): "1 s, not 10: a host that dies is seen to be down in 10 s, not in 60",
    (
        "DEFAULT",
        "service_down_time",
    ): "10 s, not 60: see report_interval; the time alone differs, and no test rests on it",
    ("DEFAULT", "reserved_host_memory_mb"): "0: what a host has is what the knobs of its driver say",
    ("DEFAULT", "heal_instance_info_cache_interval"): "off: it costs CPU that the measured work is to have",
    (
        "DEFAULT",
        "graceful_shutdown_timeout",
    ): "5 s, not 180: a test that stops a compute does not wait for three minutes",
    ("DEFAULT", "concurrency_backend"): "native threads, as Nova 34 chooses where eventlet is not installed",
    ("service_user", "send_service_user_token"): "true: as every installation guide has it; Cinder wants it",
    ("vnc", "enabled"): "false: no consoles",
    ("scheduler", "workers"): "1, not one a core: two cores are all there is",
    ("conductor", "workers"): "1: likewise",
    ("quota", "instances"): "none: 60 VMs of one project",
    ("quota", "cores"): "none: likewise",
    ("quota", "ram"): "none: likewise",
    (
        "filter_scheduler",
        "host_subset_size",
    ): "4, not 1: else all servers of a host go to the emptiest one; bench-evacuate takes Nova's",
    ("filter_scheduler", "shuffle_best_same_weighed_hosts"): "true: likewise",
    ("database", "max_pool_size"): "20, not 5: conductor and API of one process each serve all",
    ("database", "max_overflow"): "40, not 50: likewise",
    ("api_database", "max_pool_size"): "20: likewise",
    ("api_database", "max_overflow"): "40: likewise",
}
WIRING = frozenset(
    {
        *(("DEFAULT", option) for option in ("transport_url", "my_ip", "host", "state_path")),
        ("wsgi", "api_paste_config"),
        ("oslo_concurrency", "lock_path"),
        ("glance", "region_name"),
        ("cinder", "os_region_name"),
        ("database", "connection"),
        ("api_database", "connection"),
    }
)
"""Where its parts are and by which names they go."""
ACCOUNTS = frozenset({"keystone_authtoken", "service_user", "placement", "neutron", "cinder", "keystone"})
"""Sections that hold the account of a service."""

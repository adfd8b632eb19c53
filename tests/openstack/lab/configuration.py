"""The configuration files of the OpenStack services."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.openstack.lab.settings import INSIDE, PASSWORD, REGION, LabError, Port, Settings

Section = dict[str, object]
Sections = dict[str, Section]
CONTROLLER = "controller"
CONDUCTOR_OF_CELL2 = "controller-of-cell2"
CELL2 = "cell2"
VIRT_DRIVER = "muster_lab_virt"


def write(path: Path, sections: Mapping[str, Mapping[str, object]]) -> None:
    """Write an oslo.config file."""
    lines = []
    for section, options in sections.items():
        lines += [f"[{section}]", *(f"{key} = {value}" for key, value in options.items()), ""]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))


def write_all(settings: Settings) -> None:
    """Write every file anew, so that a change of ports, hosts or drivers takes effect."""
    shutil.rmtree(settings.etc, ignore_errors=True)
    settings.run.mkdir(parents=True, exist_ok=True)
    write(settings.etc / "keystone/keystone.conf", _keystone(settings))
    write(settings.etc / "placement/placement.conf", _placement(settings))
    write(settings.etc / "glance/glance-api.conf", _glance(settings))
    write(settings.etc / "neutron/neutron.conf", _neutron(settings))
    for host in (CONTROLLER, *settings.computes):
        write(settings.etc / "nova" / host / "nova.conf", nova(settings, host))
    for host in (CONDUCTOR_OF_CELL2, *settings.computes_of_cell2):
        write(settings.etc / "nova" / host / "nova.conf", _nova_of_cell2(settings, host))
    for host in (CONTROLLER, *settings.storage_hosts):
        write(settings.etc / "cinder" / host / "cinder.conf", _cinder(settings, host))
    # The WSGI application of Nova looks for its pipeline beside nova.conf.
    shutil.copy(_share(settings) / "nova/api-paste.ini", settings.etc / "nova" / CONTROLLER)
    _install_virt_driver(settings)
    _write_clouds(settings)


def state(settings: Settings, service: str, host: str = "") -> Path:
    """The folder in which a service keeps what it must not lose."""
    path = settings.data / service / host
    (path / "locks").mkdir(parents=True, exist_ok=True)
    return path


def _share(settings: Settings) -> Path:
    return settings.venv / "etc"


def _install_virt_driver(settings: Settings) -> None:
    # Nova loads drivers from its package nova.virt only.
    packages = list(settings.venv.glob("lib/python3*/site-packages/nova/virt"))
    if not packages:
        raise LabError("Nova is not installed: run `install` first")
    shutil.copy(INSIDE / f"{VIRT_DRIVER}.py", packages[0])


def _write_clouds(settings: Settings) -> None:
    lines = ["clouds:"]
    for user, project in (("admin", "admin"), ("demo", "demo")):
        lines += [
            f"  {user}:",
            f"    region_name: {REGION}",
            "    auth:",
            f"      auth_url: {settings.auth_url}",
            f"      username: {user}",
            f"      password: {PASSWORD}",
            f"      project_name: {project}",
            "      user_domain_name: Default",
            "      project_domain_name: Default",
        ]
    settings.clouds_yaml.write_text("\n".join(lines) + "\n")
    settings.clouds_yaml.chmod(0o600)


def _service_account(settings: Settings) -> Section:
    return {
        "auth_type": "password",
        "auth_url": settings.auth_url,
        "username": "service",
        "password": PASSWORD,
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": REGION,
    }


def _token_check(settings: Settings) -> Section:
    return _service_account(settings) | {
        "www_authenticate_uri": settings.auth_url,
        # Without a cache every call costs a second one, at Keystone.
        "memcached_servers": f"127.0.0.1:{settings.port(Port.MEMCACHED)}",
        "service_token_roles_required": "true",
        "service_token_roles": "admin,service",
    }


def _connections(settings: Settings, name: str, *, size: int = 20, overflow: int = 40) -> Section:
    return {
        "connection": settings.database(name),
        "max_pool_size": size,
        "max_overflow": overflow,
    }


def _keystone(settings: Settings) -> Sections:
    keys = settings.data / "keystone"
    for folder in ("fernet", "credential"):
        (keys / folder).mkdir(parents=True, exist_ok=True)
    return {
        "DEFAULT": {},
        "database": {"connection": settings.database("keystone")},
        "token": {"provider": "fernet", "expiration": 86400},
        "fernet_tokens": {"key_repository": keys / "fernet"},
        "credential": {"key_repository": keys / "credential"},
        "identity": {"password_hash_rounds": 4},
        "cache": {
            "enabled": "true",
            "backend": "dogpile.cache.memcached",
            "memcache_servers": f"127.0.0.1:{settings.port(Port.MEMCACHED)}",
        },
    }


def _placement(settings: Settings) -> Sections:
    return {
        "DEFAULT": {},
        "api": {"auth_strategy": "keystone"},
        # Each request takes two connections; with the default of 15 it locks itself up under
        # concurrent evacuations.
        "placement_database": _connections(settings, "placement", overflow=60),
        "keystone_authtoken": _token_check(settings),
    }


def _glance(settings: Settings) -> Sections:
    home = state(settings, "glance")
    (home / "images").mkdir(exist_ok=True)
    return {
        "DEFAULT": {
            "enabled_backends": "fs:file",
            "worker_self_reference_url": settings.url(Port.GLANCE),
            "use_keystone_limits": "false",
        },
        "database": {"connection": settings.database("glance")},
        "glance_store": {"default_backend": "fs"},
        "fs": {"filesystem_store_datadir": home / "images"},
        "os_glance_staging_store": {"filesystem_store_datadir": home / "staging"},
        "os_glance_tasks_store": {"filesystem_store_datadir": home / "tasks"},
        "paste_deploy": {
            "flavor": "keystone",
            "config_file": _share(settings) / "glance/glance-api-paste.ini",
        },
        "keystone_authtoken": _token_check(settings),
        "oslo_concurrency": {"lock_path": home / "locks"},
        "oslo_messaging_notifications": {"driver": "noop"},
    }


def _neutron(settings: Settings) -> Sections:
    """A server without agents: Nova asks it for the ports of servers that have none."""
    home = state(settings, "neutron")
    return {
        "DEFAULT": {
            "transport_url": settings.rabbit(),
            "core_plugin": "ml2",
            "service_plugins": "router,port_forwarding",
            "state_path": home,
            "auth_strategy": "keystone",
            "host": CONTROLLER,
            "api_paste_config": _share(settings) / "neutron/api-paste.ini",
            "notify_nova_on_port_status_changes": "false",
            "notify_nova_on_port_data_changes": "false",
        },
        "database": {"connection": settings.database("neutron")},
        "keystone_authtoken": _token_check(settings),
        "nova": _service_account(settings),
        "placement": _service_account(settings),
        "oslo_concurrency": {"lock_path": home / "locks"},
        "ml2": {
            "type_drivers": "local",
            "tenant_network_types": "local",
            "mechanism_drivers": "logger",
            "extension_drivers": "",
        },
    }


def nova(settings: Settings, host: str) -> Sections:
    """What a Nova daemon of a host is told; the controller's are told of the databases too.

    Whatever is not Nova's default stands with its reason in `differences`.
    """
    home = state(settings, "nova", host)
    account = _service_account(settings)
    sections: Sections = {
        "DEFAULT": {
            "transport_url": settings.rabbit(),
            "my_ip": "127.0.0.1",
            "host": host,
            "state_path": home,
            "compute_driver": f"{VIRT_DRIVER}.LabDriver",
            "report_interval": settings.heartbeat_seconds,
            "service_down_time": settings.down_after_seconds,
            "reserved_host_memory_mb": 0,
            "heal_instance_info_cache_interval": -1,
            "graceful_shutdown_timeout": 5,
            "concurrency_backend": "threading",
        },
        "wsgi": {"api_paste_config": _share(settings) / "nova/api-paste.ini"},
        "keystone_authtoken": _token_check(settings),
        "service_user": account | {"send_service_user_token": "true"},
        "placement": account,
        "glance": {"region_name": REGION},
        "neutron": account,
        "cinder": account | {"os_region_name": REGION},
        "keystone": account,
        "oslo_concurrency": {"lock_path": home / "locks"},
        "vnc": {"enabled": "false"},
        "scheduler": {"workers": 1},
        "conductor": {"workers": 1},
        "quota": {"instances": -1, "cores": -1, "ram": -1},
        "filter_scheduler": {
            "host_subset_size": 4,
            "shuffle_best_same_weighed_hosts": "true",
        },
    }
    if host == CONTROLLER:  # the computes reach the databases through the conductor alone
        sections["api_database"] = _connections(settings, "nova_api")
        sections["database"] = _connections(settings, "nova")
    return sections


def _nova_of_cell2(settings: Settings, host: str) -> Sections:
    """A cell knows neither the API's database nor the other cell's, and has a message bus of its own."""
    sections = nova(settings, host)
    sections["DEFAULT"]["transport_url"] = settings.rabbit(CELL2)
    if host == CONDUCTOR_OF_CELL2:
        sections["database"] = {"connection": settings.database("nova", Port.MARIADB_OF_CELL2)}
    return sections


def _cinder(settings: Settings, host: str) -> Sections:
    home = state(settings, "cinder", host)
    return {
        "DEFAULT": {
            "transport_url": settings.rabbit(),
            "my_ip": "127.0.0.1",
            "host": host,
            "state_path": home,
            "image_conversion_dir": home / "conversion",
            "auth_strategy": "keystone",
            "api_paste_config": _share(settings) / "cinder/api-paste.ini",
            "rootwrap_config": _share(settings) / "cinder/rootwrap.conf",
            "resource_query_filters_file": _share(settings) / "cinder/resource_filters.json",
            "report_interval": settings.heartbeat_seconds,
            "service_down_time": settings.down_after_seconds,
            "enabled_backends": "fake",
            "default_volume_type": "__DEFAULT__",
            "glance_api_servers": settings.url(Port.GLANCE),
            "backup_driver": "muster_lab_backup.LabBackupService",
            "quota_volumes": -1,
            "quota_gigabytes": -1,
        },
        "fake": {
            "volume_driver": "muster_lab_volume.LabVolumeDriver",
            "volume_backend_name": "fake",
            "volume_clear": "none",
        },
        "database": {"connection": settings.database("cinder")},
        "keystone_authtoken": _token_check(settings),
        "service_user": _service_account(settings) | {"send_service_user_token": "true"},
        "nova": _service_account(settings),
        "oslo_concurrency": {"lock_path": home / "locks"},
        "coordination": {"backend_url": f"file://{settings.data / 'cinder/coordination'}"},
        "oslo_messaging_notifications": {"driver": "noop"},
    }

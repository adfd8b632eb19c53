"""Starts the OpenStack services and waits until the cloud is whole."""

from datetime import UTC, datetime
from pathlib import Path

from tests.openstack.lab import infrastructure
from tests.openstack.lab.client import Client
from tests.openstack.lab.configuration import CONTROLLER
from tests.openstack.lab.processes import Processes
from tests.openstack.lab.progress import until
from tests.openstack.lab.settings import LabError, Port, Settings

UWSGI_OPTIONS = (
    *("--master", "--die-on-term", "--lazy-apps", "--need-app", "--thunder-lock"),
    *("--processes", "1", "--threads", "16", "--enable-threads", "--listen", "100"),
    *("--buffer-size", "65535", "--post-buffering", "65536", "--http-chunked-input"),
    *("--disable-logging", "--log-5xx"),
    *("--add-header", "Connection: close"),  # clients that reuse connections get them reset else
)
READY_SECONDS = 300.0
LISTENING = "Starting conductor node"  #: what a conductor logs


def start_api(settings: Settings, processes: Processes, service: Port, **more: object) -> None:
    """Start the WSGI application of one service under uWSGI, as DevStack does.

    Args:
        settings: The lab.
        processes: Its processes.
        service: Whose API.
        more: Its environment beside the usual; oslo.config takes options from there.
    """
    etc = settings.etc / service
    applications: dict[Port, tuple[str, dict[str, object]]] = {
        Port.KEYSTONE: ("keystone.wsgi.api", {"OS_KEYSTONE_CONFIG_DIR": etc}),
        Port.PLACEMENT: ("placement.wsgi.api", {"OS_PLACEMENT_CONFIG_DIR": etc}),
        Port.GLANCE: ("glance.wsgi.api", {"OS_GLANCE_CONFIG_DIR": etc}),
        Port.NOVA: ("nova.wsgi.osapi_compute", {"OS_NOVA_CONFIG_DIR": etc / CONTROLLER}),
        Port.CINDER: ("cinder.wsgi.api", {}),
        Port.NEUTRON: (
            "neutron.wsgi.api",
            {"OS_NEUTRON_CONFIG_DIR": etc, "OS_NEUTRON_CONFIG_FILES": "neutron.conf"},
        ),
    }
    module, environment = applications[service]
    words = [settings.tool("uwsgi"), "--http-socket", f"127.0.0.1:{settings.port(service)}"]
    words += ["--venv", str(settings.venv), "--module", f"{module}:application", *UWSGI_OPTIONS]
    if service is Port.CINDER:  # the only one that reads a command line instead
        words += ["--pyargv", f"--config-file {etc / CONTROLLER / 'cinder.conf'}"]
    processes.start(f"{service}-api", words, settings.environment(**environment, **more))


def start_keystone(settings: Settings, processes: Processes) -> None:
    """Start Keystone alone, to tell it of the others."""
    start_api(settings, processes, Port.KEYSTONE)
    _api_answers(settings, processes, Port.KEYSTONE, "/v3")


def start_nova(settings: Settings, processes: Processes, name: str, host: str = CONTROLLER) -> None:
    """Start a Nova daemon; a compute goes by the name of its host."""
    program = "nova-conductor" if name.startswith("nova-conductor") else name if host == CONTROLLER else "nova-compute"
    path = settings.etc / "nova" / host / "nova.conf"
    _start_daemon(settings, processes, name, program, path)


def start_compute(settings: Settings, processes: Processes, host: str) -> None:
    """Start the nova-compute of a host."""
    if host not in settings.all_computes:
        raise LabError(f"there is no compute {host}: have {', '.join(settings.all_computes)}")
    start_nova(settings, processes, host, host)


def start_all(settings: Settings, processes: Processes) -> None:
    """Start everything in the order that is quickest on two cores.

    The computes are the last to be ready, and each waits ten seconds in vain when it calls the
    conductor before that one listens: so the conductor goes first and the rest behind the computes.
    """
    infrastructure.start(settings, processes)
    start_nova(settings, processes, "nova-conductor")
    for service in (Port.KEYSTONE, Port.PLACEMENT, Port.NOVA):
        start_api(settings, processes, service)
    start_nova(settings, processes, "nova-scheduler")
    wait_for_log(processes, "nova-conductor", LISTENING)
    for host in settings.computes:
        start_compute(settings, processes, host)
    for service in (Port.NEUTRON, Port.GLANCE, Port.CINDER):
        start_api(settings, processes, service)
    for name, host in _cinder_daemons(settings):
        program = name.removesuffix(f"-{host}")
        path = settings.etc / "cinder" / host / "cinder.conf"
        _start_daemon(settings, processes, name, program, path)


def wait_for_log(processes: Processes, name: str, words: str) -> None:
    """Wait until a process has logged these words since the lab was started."""
    log = processes.log(name)
    until(f"{name} to log `{words}`", lambda: _all_run(processes) and words in log.read_text(), seconds=READY_SECONDS)


def wait_until_whole(settings: Settings, processes: Processes, *, since: datetime) -> None:
    """Wait until every API answers and every daemon has reported itself.

    Args:
        settings: The lab.
        processes: Its processes, none of which may die meanwhile.
        since: When they were started (UTC): an older report, of another life, does not count.

    Raises:
        LabError: A process died, or the deadline passed.
    """
    for service in (Port.KEYSTONE, Port.PLACEMENT, Port.NOVA, Port.GLANCE, Port.CINDER):
        _api_answers(settings, processes, service, "/")
    client = Client(settings)

    def alive(path: str, service: Port, wanted: int) -> bool:
        _all_run(processes)
        found = client.get(service, path)["services"]
        return sum(_is_up(each, since) for each in found) >= wanted

    # Neutron 29 fails to list ports until another query has made its database mappers.
    until("Neutron", lambda: client.get(Port.NEUTRON, "/v2.0/networks"), seconds=READY_SECONDS)
    nova = 2 + len(settings.computes)
    until(
        f"{nova} Nova services",
        lambda: alive("/v2.1/os-services", Port.NOVA, nova),
        seconds=READY_SECONDS,
    )
    cinder = len(_cinder_daemons(settings))
    until(
        f"{cinder} Cinder services",
        lambda: alive("/v3/{project}/os-services", Port.CINDER, cinder),
        seconds=READY_SECONDS,
    )


def wait_for_room(settings: Settings, *, wanted: int) -> None:
    """Wait until so many computes are mapped and have told Placement what they can hold."""
    client = Client(settings)
    asked = "/allocation_candidates?resources=VCPU:1,MEMORY_MB:128,DISK_GB:1"

    def probe() -> bool:
        mapped = client.get(Port.NOVA, "/v2.1/os-hypervisors")["hypervisors"]
        roomy = client.get(Port.PLACEMENT, asked)["provider_summaries"]
        return min(len(mapped), len(roomy)) >= wanted

    until(f"{wanted} hypervisors with room", probe, seconds=READY_SECONDS)


def _is_up(service: dict[str, str], since: datetime) -> bool:
    reported = service["updated_at"] or service.get("created_at")
    return service["state"] == "up" and reported_after(reported, since)


def reported_after(text: str | None, since: datetime) -> bool:
    """Whether a time as the services write it (UTC, without a zone) is later than another."""
    return text is not None and datetime.fromisoformat(text).replace(tzinfo=UTC) >= since


def _cinder_daemons(settings: Settings) -> list[tuple[str, str]]:
    """Name and host of each Cinder daemon."""
    daemons = [("cinder-scheduler", CONTROLLER)]
    for host in settings.storage_hosts:
        daemons += [(f"cinder-volume-{host}", host), (f"cinder-backup-{host}", host)]
    return daemons


def _start_daemon(settings: Settings, processes: Processes, name: str, program: str, path: Path) -> None:
    words = [settings.tool(program), "--config-file", path]
    processes.start(name, words, settings.environment())


def _all_run(processes: Processes) -> bool:
    if dead := processes.dead():
        logs = ", ".join(str(processes.log(name)) for name in dead)
        raise LabError(f"{', '.join(dead)} died while the cloud was starting: see {logs}")
    return True


def _api_answers(settings: Settings, processes: Processes, service: Port, path: str) -> None:
    client = Client(settings)

    def probe() -> bool:
        return _all_run(processes) and client.answers(service, path)

    until(f"the {service} API", probe, seconds=READY_SECONDS)

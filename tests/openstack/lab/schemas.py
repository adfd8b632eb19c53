"""Creates the databases of every service and brings their schemas to the released version."""

from concurrent.futures import ThreadPoolExecutor
from getpass import getuser

from tests.openstack.lab import infrastructure
from tests.openstack.lab.configuration import CELL2, CONDUCTOR_OF_CELL2, CONTROLLER
from tests.openstack.lab.processes import command
from tests.openstack.lab.settings import PASSWORD, REGION, Port, Settings

DATABASES = (
    "keystone",
    "placement",
    "nova_api",
    "nova",
    "nova_cell0",
    "glance",
    "cinder",
    "neutron",
)


def create(settings: Settings) -> None:
    """Create and fill all schemas, three services at a time."""
    infrastructure.create_databases(settings, DATABASES)
    jobs = (_nova, _keystone, _neutron, _cinder, _glance, _placement)  # the longest first
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(job, settings) for job in jobs]:
            done.result()


def create_cell(settings: Settings) -> None:
    """Create the database of the second cell, and tell Nova of it."""
    infrastructure.create_databases(settings, ("nova",), Port.MARIADB_OF_CELL2)
    own = ("nova-manage", "--config-file", settings.etc / "nova" / CONDUCTOR_OF_CELL2 / "nova.conf")
    _run(settings, *own, "db", "sync", "--local_cell")
    known_by = (
        *("--name", CELL2, "--transport-url", settings.rabbit(CELL2)),
        *("--database_connection", settings.database("nova", Port.MARIADB_OF_CELL2)),
    )
    _run(settings, *_nova_manage(settings), "cell_v2", "create_cell", *known_by)


def discover_computes(settings: Settings) -> None:
    """Map computes that Nova's cell does not know yet."""
    _run(settings, *_nova_manage(settings), "cell_v2", "discover_hosts")


def _run(settings: Settings, program: str, *words: object, allowed: int = 0) -> None:
    command(
        [settings.tool(program), *words],
        environment=settings.environment(),
        log=settings.run / "schemas.log",
        allowed=allowed,
    )


def _nova_manage(settings: Settings) -> tuple[str, ...]:
    return "nova-manage", "--config-file", str(settings.etc / "nova" / CONTROLLER / "nova.conf")


def _nova(settings: Settings) -> None:
    nova = _nova_manage(settings)
    _run(settings, *nova, "api_db", "sync")
    cell0 = settings.database("nova_cell0")
    _run(settings, *nova, "cell_v2", "map_cell0", "--database_connection", cell0)
    # exits with 2 when the cell exists
    _run(settings, *nova, "cell_v2", "create_cell", "--name", "cell1", allowed=2)
    _run(settings, *nova, "db", "sync")


def _keystone(settings: Settings) -> None:
    keystone = ("keystone-manage", "--config-dir", str(settings.etc / "keystone"))
    owner = ("--keystone-user", getuser(), "--keystone-group", getuser())
    _run(settings, *keystone, "db_sync")
    _run(settings, *keystone, "fernet_setup", *owner)
    _run(settings, *keystone, "credential_setup", *owner)
    urls: list[str] = []
    for interface in ("public", "internal", "admin"):
        urls += [f"--bootstrap-{interface}-url", settings.auth_url]
    account = ("--bootstrap-username", "admin", "--bootstrap-password", PASSWORD)
    place = ("--bootstrap-project-name", "admin", "--bootstrap-region-id", REGION)
    _run(settings, *keystone, "bootstrap", *account, *place, *urls)


def _neutron(settings: Settings) -> None:
    path = settings.etc / "neutron/neutron.conf"
    _run(settings, "neutron-db-manage", "--config-file", path, "upgrade", "head")


def _cinder(settings: Settings) -> None:
    path = settings.etc / "cinder" / CONTROLLER / "cinder.conf"
    _run(settings, "cinder-manage", "--config-file", path, "db", "sync")


def _glance(settings: Settings) -> None:
    _run(settings, "glance-manage", "--config-dir", settings.etc / "glance", "db_sync")


def _placement(settings: Settings) -> None:
    _run(settings, "placement-manage", "--config-dir", settings.etc / "placement", "db", "sync")

"""A second cell of Nova beside the first: a database server, a message bus, a conductor and computes of its own.

As Nova's guide has it (docs.openstack.org/nova/latest/admin/cells.html): the cell's conductor and computes know their
own database and bus alone; API, scheduler and the conductor of the controller learn of the cell from the API's
database, the first two when they start.
"""

from tests.openstack.lab import configuration, infrastructure, schemas, services
from tests.openstack.lab.configuration import CELL2, CONDUCTOR_OF_CELL2
from tests.openstack.lab.processes import Processes
from tests.openstack.lab.settings import Port, Settings

CONDUCTOR = "nova-conductor-of-cell2"
SOFT_DELETION = {"OS_DEFAULT__RECLAIM_INSTANCE_INTERVAL": 3600}
"""Many clouds keep what is deleted for a while, so the API does it while there are two cells; `forceDelete` ends it."""


def add(settings: Settings, processes: Processes) -> None:
    """Create the cell and start it; returns when servers can be booted on its computes. A new start of the lab ends it.

    Raises:
        LabError: It could not be created, or did not start.
    """
    infrastructure.start_mariadb(settings, processes, Port.MARIADB_OF_CELL2)
    infrastructure.divide_rabbit(settings, CELL2)
    infrastructure.answers(settings, Port.MARIADB_OF_CELL2)
    schemas.create_cell(settings)
    services.start_nova(settings, processes, CONDUCTOR, CONDUCTOR_OF_CELL2)
    services.wait_for_log(processes, CONDUCTOR, services.LISTENING)
    for host in settings.computes_of_cell2:
        services.start_compute(settings, processes, host)
    for name in ("nova-api", "nova-scheduler"):
        processes.kill(name)
    services.start_api(settings, processes, Port.NOVA, **SOFT_DELETION)
    services.start_nova(settings, processes, "nova-scheduler")
    for host in settings.computes_of_cell2:
        services.wait_for_log(processes, host, "Compute node record created")
    schemas.discover_computes(settings)
    services.wait_for_room(settings, wanted=len(settings.all_computes))


def stop_database(processes: Processes) -> None:
    """End the cell's database server at once: nobody listens there any more."""
    processes.kill(Port.MARIADB_OF_CELL2)


def freeze_database(processes: Processes) -> None:
    """Halt it: connections stand, and nobody answers."""
    processes.freeze(Port.MARIADB_OF_CELL2)


def start_in_the_first(settings: Settings, processes: Processes, host: str) -> None:
    """Start a nova-compute by the name of one of this cell's hosts, in the first cell and with nothing on its disk."""
    name = f"{host}-in-the-first-cell"
    sections = configuration.nova(settings, host)
    sections["DEFAULT"]["state_path"] = configuration.state(settings, "nova", name)
    configuration.write(settings.etc / "nova" / name / "nova.conf", sections)
    services.start_nova(settings, processes, name, name)


def start_database(settings: Settings, processes: Processes) -> None:
    """Start it with what it knew, or let it go on; returns when it listens."""
    processes.thaw(Port.MARIADB_OF_CELL2)
    infrastructure.start_mariadb(settings, processes, Port.MARIADB_OF_CELL2)
    infrastructure.answers(settings, Port.MARIADB_OF_CELL2)

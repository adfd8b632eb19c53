"""What OpenStack stands on: MariaDB, RabbitMQ and memcached, of Debian, on loopback."""

import os
import shutil
import socket

from tests.openstack.lab.processes import Processes, command
from tests.openstack.lab.progress import until
from tests.openstack.lab.settings import PASSWORD, LabError, Port, Settings

RABBIT_PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # the one in sbin changes the user
RABBIT_CONTROL = "/usr/lib/rabbitmq/bin/rabbitmqctl"  # likewise
TABLESPACE_OPTIONS = (
    "--innodb-flush-log-at-trx-commit=2",  # what was committed outlives the server, though not the machine
    "--innodb-doublewrite=0",
    "--innodb-flush-method=nosync",  # what a power failure would cost is worth nothing here
    "--innodb-buffer-pool-size=512M",
    "--innodb-log-file-size=32M",
)
INSTALL_OPTIONS = ("--skip-test-db", "--auth-root-authentication-method=normal")
SERVER_OPTIONS = (
    "--bind-address=127.0.0.1",
    "--socket=mariadb.sock",  # in the data folder: a whole path could outgrow a socket's name
    "--pid-file=mariadb.pid",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--max-connections=600",
    "--character-set-server=utf8mb4",
    "--performance-schema=off",
)


def refuse_taken_ports(settings: Settings) -> None:
    """Say so when somebody else already listens where the lab wants to.

    Raises:
        LabError: A port is taken.
    """
    for listener in Port:
        with socket.socket() as door:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                door.bind(("127.0.0.1", settings.port(listener)))
            except OSError as error:
                raise LabError(
                    f"port {settings.port(listener)} (for {listener}) is taken by a process that "
                    "is not of this lab: end it or set MUSTER_LAB_PORT_BASE"
                ) from error


def start(settings: Settings, processes: Processes) -> None:
    """Start the three and wait until each answers."""
    environment = settings.environment()
    start_mariadb(settings, processes)
    where = ("-l", "127.0.0.1", "-p", settings.port(Port.MEMCACHED), "-U", "0")
    processes.start("memcached", ["memcached", *_as_root("-u", "root"), *where], environment)
    epmd = ["epmd", "-address", "127.0.0.1", "-port", settings.port(Port.EPMD)]
    processes.start("epmd", epmd, environment)
    answers(settings, Port.EPMD)
    _start_rabbit(settings, processes)
    for listener in (Port.MARIADB, Port.MEMCACHED, Port.RABBIT):
        answers(settings, listener)


def answers(settings: Settings, listener: Port) -> None:
    """Wait until somebody accepts connections on a port."""

    def probe() -> bool:
        with socket.create_connection(("127.0.0.1", settings.port(listener)), 1):
            return True

    until(f"{listener} to listen", probe, seconds=120, pause=0.1)


def create_databases(settings: Settings, names: tuple[str, ...], server: Port = Port.MARIADB) -> None:
    """Create empty databases."""
    statements = "".join(f"CREATE DATABASE {name} CHARACTER SET utf8mb4;" for name in names)
    account = ("-uroot", f"-p{PASSWORD}", "-h127.0.0.1", f"-P{settings.port(server)}")
    command(
        ["mariadb", "--no-defaults", *account, "-e", statements],
        environment=settings.environment(),
        log=settings.run / "schemas.log",
    )


def divide_rabbit(settings: Settings, part: str) -> None:
    """Make a virtual host: a message bus of its own in the same server."""
    node = f"muster-lab-{settings.port_base}@localhost"
    control = [RABBIT_CONTROL, "--node", node]
    log = settings.run / "schemas.log"
    for words in (("add_vhost", part), ("set_permissions", "-p", part, "guest", ".*", ".*", ".*")):
        command([*control, *words], environment=_rabbit_environment(settings), log=log)


def _as_root(*words: str) -> tuple[str, ...]:
    """Words a daemon needs only when root starts it."""
    return words if os.geteuid() == 0 else ()


def start_mariadb(settings: Settings, processes: Processes, server: Port = Port.MARIADB) -> None:
    """Start a database server, with the data it had."""
    data = settings.data / server
    grants = settings.data / "grants.sql"
    common = ("--no-defaults", *_as_root("--user=root"), f"--datadir={data}", *TABLESPACE_OPTIONS)
    if not (data / "mysql").exists():
        data.mkdir(parents=True, exist_ok=True)
        command(
            ["mariadb-install-db", *common, *INSTALL_OPTIONS],
            environment=settings.environment(),
            log=settings.run / "schemas.log",
        )
    grants.write_text(
        f"ALTER USER 'root'@'localhost' IDENTIFIED BY '{PASSWORD}';\n"
        f"CREATE USER IF NOT EXISTS 'root'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
        f"ALTER USER 'root'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
        "GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n"
    )
    own = (f"--port={settings.port(server)}", f"--init-file={grants}")
    words = ["mariadbd", *common, *own, *SERVER_OPTIONS]
    processes.start(server, words, settings.environment())


def _start_rabbit(settings: Settings, processes: Processes) -> None:
    if processes.pid("rabbit"):
        return
    home = settings.data / "rabbit"
    shutil.rmtree(home, ignore_errors=True)  # a message to the cloud of yesterday is worth nothing
    home.mkdir(parents=True)
    (home / "plugins").write_text("[].\n")
    (home / "rabbit.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{settings.port(Port.RABBIT)}\n"
        "vm_memory_high_watermark.absolute = 1GB\n"
        "disk_free_limit.absolute = 50MB\n"
    )
    processes.start("rabbit", [RABBIT_PROGRAM], _rabbit_environment(settings))


def _rabbit_environment(settings: Settings) -> dict[str, str]:
    home = settings.data / "rabbit"
    return settings.environment(
        HOME=home,
        RABBITMQ_HOME=home,
        RABBITMQ_NODENAME=f"muster-lab-{settings.port_base}@localhost",
        RABBITMQ_MNESIA_BASE=home / "mnesia",
        RABBITMQ_LOG_BASE=settings.run,
        RABBITMQ_ENABLED_PLUGINS_FILE=home / "plugins",
        RABBITMQ_CONFIG_FILE=home / "rabbit.conf",
        RABBITMQ_CONF_ENV_FILE="/dev/null",
        RABBITMQ_DIST_PORT=settings.port(Port.RABBIT_PEERS),
        RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
        RABBITMQ_NODE_PORT=settings.port(Port.RABBIT),
        ERL_EPMD_ADDRESS="127.0.0.1",
        ERL_EPMD_PORT=settings.port(Port.EPMD),
        ERL_FLAGS="-start_epmd false",  # RabbitMQ looks for it each minute, and one it started itself would outlive us
        ERL_CRASH_DUMP=settings.run / "rabbit.crash",
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=("+sbwt none +S 2:2 -kernel inet_dist_use_interface {127,0,0,1}"),
    )

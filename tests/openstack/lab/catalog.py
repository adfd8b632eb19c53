"""Fills a new cloud: accounts, roles, the service catalog, an image and flavors."""

from tests.openstack.lab.client import Client
from tests.openstack.lab.settings import PASSWORD, REGION, Port, Settings

# Who may do what where. The admin acts in the demo project too: servers are booted there.
ROLES: dict[str, dict[str, tuple[str, ...]]] = {
    "service": {"service": ("admin", "service")},
    "demo": {"demo": ("member",)},
    "admin": {"demo": ("admin",)},
}
SERVICES = {
    Port.PLACEMENT: ("placement", ""),
    Port.NOVA: ("compute", "/v2.1"),
    Port.GLANCE: ("image", ""),
    Port.CINDER: ("volumev3", "/v3"),
    Port.NEUTRON: ("network", ""),
}
FLAVORS = {  # vCPUs, MiB of memory, GiB of disk
    "m1.tiny": (1, 128, 1),
    "m1.large": (4, 4096, 10),
    "m1.huge": (500, 400_000, 10),  # two do not fit on one host together with anything else
}
IMAGE = "tiny"


def create_accounts(settings: Settings) -> None:
    """Create projects, users, their roles, and the endpoints of all services."""
    client = Client(settings)

    def ids(kind: str, wanted: set[str], extra: dict[str, str]) -> dict[str, str]:
        have = {each["name"]: each["id"] for each in client.get(Port.KEYSTONE, f"/v3/{kind}s")[f"{kind}s"]}
        for name in wanted - have.keys():
            body = {kind: {"name": name, **extra}}
            have[name] = client.call("POST", Port.KEYSTONE, f"/v3/{kind}s", body)[kind]["id"]
        return have

    roles = ids("role", {"admin", "member", "service"}, {})
    projects = ids("project", {"service", "demo"}, {"domain_id": "default"})
    users = ids("user", set(ROLES), {"domain_id": "default", "password": PASSWORD})
    for user, places in ROLES.items():
        for project, names in places.items():
            for role in names:
                path = f"/v3/projects/{projects[project]}/users/{users[user]}/roles/{roles[role]}"
                client.call("PUT", Port.KEYSTONE, path)
    for listener, (kind, path) in SERVICES.items():
        _create_endpoints(client, listener, kind, settings.url(listener) + path)


def create_image_and_flavors(settings: Settings) -> None:
    """Create what a server is booted from."""
    client = Client(settings)
    image = {
        "name": IMAGE,
        "disk_format": "raw",
        "container_format": "bare",
        "visibility": "public",
    }
    made = client.call("POST", Port.GLANCE, "/v2/images", image)
    client.call("PUT", Port.GLANCE, f"/v2/images/{made['id']}/file", b"x" * 1024)
    for name, (cores, memory, disk) in FLAVORS.items():
        flavor = {"name": name, "vcpus": cores, "ram": memory, "disk": disk}
        client.call("POST", Port.NOVA, "/v2.1/flavors", {"flavor": flavor})


def _create_endpoints(client: Client, listener: Port, kind: str, url: str) -> None:
    service = {"service": {"name": str(listener), "type": kind}}
    made = client.call("POST", Port.KEYSTONE, "/v3/services", service)["service"]["id"]
    for interface in ("public", "internal"):
        endpoint = {"service_id": made, "interface": interface, "url": url, "region_id": REGION}
        client.call("POST", Port.KEYSTONE, "/v3/endpoints", {"endpoint": endpoint})

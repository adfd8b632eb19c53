"""Keystone of the simulated cloud: tokens can be looked at and taken back, and only admins look around."""

from bot.domain.values import Facts
from tests.adapters.simulated.openstack_wire import PASSWORD, Answer, Region


async def keystone(cloud: Region, path: str, *, user: str = "admin") -> Answer:
    return await cloud.call("GET", f"/identity/v3{path}", user=user)


async def test_a_token_can_be_validated_and_taken_back(cloud: Region) -> None:
    mine = await cloud.log_in("admin")
    other = await cloud.log_in("demo")
    url, headers = f"{cloud.url}/identity/v3/auth/tokens", {"X-Auth-Token": mine, "X-Subject-Token": other}
    async with cloud.http.get(url, headers=headers) as answer:
        shown = (await answer.json())["token"]
    assert (shown["user"]["name"], shown["project"]["name"]) == ("demo", "demo")
    assert [role["name"] for role in shown["roles"]] == ["member", "reader"]
    async with cloud.http.delete(url, headers=headers) as answer:
        assert answer.status == 204
    assert (await cloud.call("GET", "/compute/v2.1/servers", token=other)).status == 401
    async with cloud.http.get(url, headers=headers) as answer:
        assert answer.status == 404


async def test_the_catalog_names_every_service_where_it_really_is(cloud: Region) -> None:
    catalog = (await keystone(cloud, "/auth/catalog")).body["catalog"]
    types = {"identity", "compute", "placement", "block-storage", "volumev3", "image", "network"}
    assert {service["type"] for service in catalog} == types
    for service in catalog:
        for endpoint in service["endpoints"]:
            answer = await cloud.call("GET", endpoint["url"].removeprefix(cloud.url))
            assert answer.status in {200, 300}, endpoint["url"]


async def test_an_admin_lists_projects_and_a_member_only_its_own(cloud: Region) -> None:
    everything = (await keystone(cloud, "/projects")).body["projects"]
    assert {p["name"] for p in everything} == {"admin", "demo", "shop", "payments", "data", "ops"}
    assert (await keystone(cloud, "/projects", user="demo")).status == 403
    mine = (await keystone(cloud, "/auth/projects", user="demo")).body["projects"]
    assert [p["name"] for p in mine] == ["demo"]
    other = next(p["id"] for p in everything if p["name"] == "shop")
    assert (await keystone(cloud, f"/projects/{other}", user="demo")).status == 403
    assert (await keystone(cloud, "/projects/nope")).status == 404


async def test_a_login_without_a_project_gets_the_users_own(cloud: Region) -> None:
    user = {"name": "demo", "domain": {"id": "default"}, "password": PASSWORD}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    async with cloud.http.post(f"{cloud.url}/identity/v3/auth/tokens", json=body) as answer:
        assert (await answer.json())["token"]["project"]["name"] == "demo"


async def test_a_login_that_makes_no_sense_is_a_bad_request(cloud: Region) -> None:
    senseless: tuple[Facts, ...] = ({}, {"auth": {}}, {"auth": {"identity": None}})
    for body in senseless:
        async with cloud.http.post(f"{cloud.url}/identity/v3/auth/tokens", json=body) as answer:
            assert answer.status == 400


async def test_passwords_and_tokens_are_not_in_the_call_log(cloud: Region) -> None:
    token = await cloud.log_in("admin")
    await cloud.nova("GET", "/servers")
    assert PASSWORD not in repr(cloud.world.calls)
    assert token not in repr(cloud.world.calls)

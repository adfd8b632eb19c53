"""Listing and showing servers of the simulated Nova: filters, pages, microversions, what members see."""

from adapters.simulated.datacentre import add_server
from tests.adapters.simulated.openstack_wire import Region


async def names(cloud: Region, query: str, *, user: str = "admin", at: str = "2.96") -> list[str]:
    answer = await cloud.nova("GET", f"/servers/detail?{query}", user=user, at=at)
    assert answer.status == 200, answer.body
    return sorted(s["name"] for s in answer.body["servers"])


async def test_an_admin_lists_the_servers_of_one_host_by_exact_name(cloud: Region) -> None:
    cloud.world.add_vm("elsewhere", cloud.world.add_host("compute-22", cloud.world.host("compute-2").cluster))
    found = await names(cloud, "all_tenants=1&host=compute-2")
    assert len(found) == 12
    assert "elsewhere" not in found
    assert await names(cloud, "all_tenants=1&host=compute") == []


async def test_without_all_tenants_an_admin_sees_only_its_own_project(cloud: Region) -> None:
    assert await names(cloud, "host=compute-2") == []


async def test_a_members_host_filter_is_dropped_silently(cloud: Region) -> None:
    assert await names(cloud, "host=compute-1", user="demo") == ["demo-vm-1", "demo-vm-2"]


async def test_a_member_may_not_ask_for_all_tenants(cloud: Region) -> None:
    answer = await cloud.nova("GET", "/servers/detail?all_tenants=1&host=compute-1", user="demo")
    assert answer.status == 403
    expected = "Policy doesn't allow os_compute_api:servers:detail:get_all_tenants to be performed."
    assert answer.message == expected


async def test_a_member_sees_no_host_and_no_server_of_others(cloud: Region) -> None:
    mine = cloud.world.vm("demo-vm-1").id
    shown = (await cloud.nova("GET", f"/servers/{mine}", user="demo")).body["server"]
    assert shown["hostId"]
    assert not [key for key in shown if key.startswith("OS-EXT-SRV-ATTR:") and key != "OS-EXT-SRV-ATTR:hostname"]
    assert "host_status" not in shown
    other = cloud.world.vm("shop-web-1").id
    answer = await cloud.nova("GET", f"/servers/{other}", user="demo")
    assert (answer.status, answer.message) == (404, f"Instance {other} could not be found.")


async def test_every_status_is_listed_and_can_be_filtered(cloud: Region) -> None:
    assert await names(cloud, "all_tenants=1&host=compute-2&status=SHUTOFF") == ["ci-runner-7", "legacy-billing"]
    assert await names(cloud, "all_tenants=1&status=ERROR") == ["report-worker-2"]
    both = "all_tenants=1&host=compute-2&status=ERROR&status=SHUTOFF"
    assert await names(cloud, both) == ["ci-runner-7", "legacy-billing", "report-worker-2"]
    assert (await cloud.nova("GET", "/servers?status=NONSENSE", at="2.38")).status == 400
    assert (await cloud.nova("GET", "/servers?status=NONSENSE", at="2.37")).body == {"servers": []}


async def test_from_2_75_unknown_filters_are_refused(cloud: Region) -> None:
    answer = await cloud.nova("GET", "/servers/detail?hots=compute-2", at="2.75")
    assert answer.status == 400
    assert answer.message == "'hots' does not match any of the regexes: '^_'"
    assert (await cloud.nova("GET", "/servers/detail?hots=compute-2", at="2.74")).status == 200


async def test_only_what_changed_since_a_moment_can_be_asked_for(cloud: Region) -> None:
    await cloud.clock.pass_time(60)
    moment = cloud.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    await cloud.act("shop-web-3", "evacuate", {})
    assert await names(cloud, f"all_tenants=1&changes-since={moment}") == ["shop-web-3"]
    asked = f"/os-migrations?changes-since={moment}"
    (order,) = (await cloud.nova("GET", "/os-migrations")).body["migrations"]
    assert (order["status"], order["updated_at"]) == ("accepted", None)
    assert (await cloud.nova("GET", asked)).body["migrations"] == [], "a row that was never changed has no such date"
    await cloud.clock.pass_time(2)
    assert [found["id"] for found in (await cloud.nova("GET", asked)).body["migrations"]] == [order["id"]]
    assert (await cloud.nova("GET", "/os-migrations?changes-since=yesterday")).status == 400


async def test_a_server_is_listed_by_its_last_change_until_somebody_touches_it(cloud: Region) -> None:
    """As `tests/openstack/test_questions.py` asks the real Nova."""
    shown = await cloud.show("shop-web-3")
    asked = f"all_tenants=1&uuid={shown['id']}&deleted=false&changes-before={shown['updated']}"
    assert await names(cloud, f"{asked}&host=compute-2") == ["shop-web-3"]
    assert await names(cloud, f"{asked}&host=compute-3") == []
    await cloud.clock.pass_time(1)
    await cloud.act("shop-web-3", "lock")
    assert await names(cloud, f"{asked}&host=compute-2") == []
    other = await cloud.show("shop-web-4")
    asked = f"all_tenants=1&uuid={other['id']}&host=compute-2&changes-before={other['updated']}"
    assert await names(cloud, asked) == ["shop-web-4"]
    await cloud.act("shop-web-4", "evacuate", {})
    assert await names(cloud, asked) == []
    assert (await cloud.nova("GET", "/servers?changes-before=yesterday")).status == 400


async def test_host_status_tells_forced_down_from_disabled_and_silent(cloud: Region) -> None:
    host = cloud.world.host("compute-2")
    assert (await cloud.show("shop-web-3"))["host_status"] == "UNKNOWN"
    host.enabled = False
    assert (await cloud.show("shop-web-3"))["host_status"] == "MAINTENANCE"
    host.forced_down = True
    assert (await cloud.show("shop-web-3"))["host_status"] == "DOWN"
    assert (await cloud.show("shop-web-1"))["host_status"] == "UP"


async def test_a_reader_reads_and_changes_nothing(cloud: Region) -> None:
    assert await names(cloud, "", user="reader") == ["demo-vm-1", "demo-vm-2"]
    assert (await cloud.act("demo-vm-1", "os-stop", user="reader")).status == 403


async def test_pages_are_followed_by_marker(cloud: Region) -> None:
    path, found, pages = "/compute/v2.1/servers/detail?all_tenants=1&limit=15", [], 0
    while path:
        answer = await cloud.call("GET", path, version="compute 2.96")
        found += [s["id"] for s in answer.body["servers"]]
        links = answer.body.get("servers_links", [])
        path = links[0]["href"].removeprefix(cloud.url) if links else ""
        pages += 1
    assert pages == 3
    assert sorted(found) == sorted(v.id for v in cloud.world.vms.values() if v.project)


async def test_no_answer_holds_more_than_a_thousand_servers(cloud: Region) -> None:
    host = cloud.world.host("compute-1")
    for number in range(1100):
        add_server(cloud.world, f"many-{number}", host, from_image=True)
    for query in ("", "&limit=5000"):
        answer = await cloud.nova("GET", f"/servers?all_tenants=1{query}")
        assert len(answer.body["servers"]) == 1000
        assert answer.body["servers_links"][0]["rel"] == "next"


async def test_an_unknown_marker_and_a_bad_limit_are_refused(cloud: Region) -> None:
    answer = await cloud.nova("GET", "/servers?all_tenants=1&marker=nope")
    assert (answer.status, answer.message) == (400, "marker [nope] not found")
    assert (await cloud.nova("GET", "/servers?limit=-1")).status == 400


async def test_a_server_grows_with_the_microversion(cloud: Region) -> None:
    await cloud.act("shop-web-1", "lock", {"locked_reason": "muster 01J"})
    grown = {
        "2.8": set(),
        "2.9": {"locked"},
        "2.16": {"locked", "host_status"},
        "2.73": {"locked", "host_status", "locked_reason", "tags", "server_groups"},
        "2.96": {"locked", "host_status", "locked_reason", "tags", "server_groups", "pinned_availability_zone"},
    }
    newer = set().union(*grown.values())
    for at, expected in grown.items():
        assert newer & set(await cloud.show("shop-web-1", at=at)) == expected
    assert (await cloud.show("shop-web-1"))["locked_reason"] == "muster 01J"


async def test_the_flavor_is_embedded_from_2_47(cloud: Region) -> None:
    assert set((await cloud.show("shop-web-1", at="2.46"))["flavor"]) == {"id", "links"}
    embedded = (await cloud.show("shop-web-1", at="2.47"))["flavor"]
    assert (embedded["original_name"], embedded["vcpus"], embedded["ram"]) == ("m1.medium", 2, 4096)


async def test_a_volume_backed_server_has_no_image_and_names_its_volumes(cloud: Region) -> None:
    database = await cloud.show("payments-db-1")
    assert database["image"] == ""
    assert len(database["os-extended-volumes:volumes_attached"]) == 2
    assert (await cloud.show("grafana-1"))["image"]["id"]


async def test_a_lock_keeps_members_out_and_admins_not(cloud: Region) -> None:
    await cloud.act("demo-vm-1", "lock", {"locked_reason": "muster"})
    refused = await cloud.act("demo-vm-1", "os-stop", user="demo")
    server = cloud.world.vm("demo-vm-1").id
    assert (refused.status, refused.message) == (409, f"Instance {server} is locked")
    assert (await cloud.act("demo-vm-1", "unlock", user="demo")).status == 403
    assert (await cloud.act("demo-vm-1", "os-stop")).status == 202
    assert (await cloud.act("demo-vm-1", "unlock")).status == 202


async def test_a_lock_reason_needs_2_73(cloud: Region) -> None:
    await cloud.act("shop-web-1", "lock", {"locked_reason": "ignored"}, at="2.72")
    shown = await cloud.show("shop-web-1")
    assert (shown["locked"], shown["locked_reason"]) == (True, None)
    answer = await cloud.act("shop-web-1", "lock", {"reason": "x"}, at="2.73")
    assert answer.status == 400


async def test_stop_and_start_take_their_time_and_refuse_what_is_so_already(cloud: Region) -> None:
    assert (await cloud.act("shop-web-1", "os-stop")).status == 202
    assert (await cloud.show("shop-web-1"))["OS-EXT-STS:task_state"] == "powering-off"
    await cloud.clock.pass_time(1)
    assert (await cloud.show("shop-web-1"))["status"] == "SHUTOFF"
    again = await cloud.act("shop-web-1", "os-stop")
    server = cloud.world.vm("shop-web-1").id
    assert again.status == 409
    assert again.message == f"Cannot 'stop' instance {server} while it is in vm_state stopped"
    await cloud.act("shop-web-1", "os-start")
    await cloud.clock.pass_time(1)
    assert (await cloud.show("shop-web-1"))["status"] == "ACTIVE"


async def test_a_stop_on_a_dead_host_hangs_and_happens_when_it_is_back(cloud: Region) -> None:
    assert (await cloud.act("shop-web-3", "os-stop")).status == 202
    await cloud.clock.pass_time(600)
    assert (await cloud.show("shop-web-3"))["OS-EXT-STS:task_state"] == "powering-off"
    cloud.world.revive_host("compute-2")
    await cloud.clock.pass_time(1)
    assert (await cloud.show("shop-web-3"))["status"] == "SHUTOFF"


async def test_an_unknown_action_is_refused(cloud: Region) -> None:
    answer = await cloud.act("shop-web-1", "evacuateAll", {})
    assert (answer.status, answer.message) == (400, "There is no such action: evacuateAll")


async def test_microversions_are_negotiated(cloud: Region) -> None:
    versions = (await cloud.call("GET", "/compute/")).body["versions"][0]
    assert (versions["min_version"], versions["version"]) == ("2.1", "2.104")
    answer = await cloud.nova("GET", "/servers", at="2.53")
    assert answer.headers["OpenStack-API-Version"] == "compute 2.53"
    assert answer.headers["X-OpenStack-Nova-API-Version"] == "2.53"
    default = await cloud.call("GET", "/compute/v2.1/servers")
    assert default.headers["OpenStack-API-Version"] == "compute 2.1"
    too_new = await cloud.nova("GET", "/servers", at="2.105")
    assert too_new.status == 406
    expected = "Version 2.105 is not supported by the API. Minimum is 2.1 and maximum is 2.104."
    assert too_new.message == expected
    assert (await cloud.nova("GET", "/servers", at="banana")).status == 400


async def test_a_token_is_needed_and_ends(cloud: Region) -> None:
    token = await cloud.log_in("admin")
    assert (await cloud.call("GET", "/compute/v2.1/servers", token="nonsense")).status == 401
    await cloud.clock.pass_time(3599)
    assert (await cloud.call("GET", "/compute/v2.1/servers", token=token)).status == 200
    await cloud.clock.pass_time(2)
    over = await cloud.call("GET", "/compute/v2.1/servers", token=token)
    assert over.status == 401
    assert over.body["error"]["message"] == "The request you have made requires authentication."


async def test_a_wrong_password_or_a_foreign_project_gets_no_token(cloud: Region) -> None:
    domain = {"id": "default"}
    for password, project in (("wrong", "demo"), ("muster-demo", "admin")):
        user = {"name": "demo", "domain": domain, "password": password}
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"name": project, "domain": domain}},
            }
        }
        async with cloud.http.post(f"{cloud.url}/identity/v3/auth/tokens", json=body) as answer:
            assert answer.status == 401

"""Every finding of the adapter: a survey that produces it, and one, as like it as can be, that does not.

A finding without a pair here fails the first test: whoever adds one adds its pair.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatch
from typing import Any

import pytest

from adapters.openstack.model.resources import Life, Room, Server, ServerGroup, Storage, Unanswered
from adapters.openstack.model.survey import OpenStackSurvey
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.wire.versions import Microversion
from adapters.redfish.power import PowerReading
from bot.domain.cloud import Left
from bot.domain.operation import State
from bot.domain.plans import causes
from bot.domain.plans.plan import Plan, Verdict
from bot.domain.values import VmId
from bot.slack.views import text
from bot.slack.views.cards import card
from tests.adapters.openstack.build import (
    DEAD,
    NOW,
    WITH_FENCE,
    altered,
    back,
    cinder,
    codes,
    configured,
    enter,
    given_back,
    here,
    living,
    migration,
    plan,
    rehomed,
    room,
    server,
    service,
    survey,
    taken_over,
    volumes_with,
    with_service,
)
from tests.agreement import assert_agrees
from tests.findings import made_in
from tests.slack.views.examples import RULE, operation
from tests.slack.views.limits import visible_text

Made = Callable[[], Plan]
OLD = Microversion((2, 94))
OWN = replace(volumes_with(DEAD, 3)[2], manager="storage-2@ceph#ceph")
LOCAL = {"has_local_disk": True, "boots_from_volume": False}
OURS = {"is_enabled": False, "disabled_reason": "muster run=01RUN"}


def dead(
    *servers: Server, settings: OpenStackSettings | None = None, asked: dict[str, Any] | None = None, **changes: Any
) -> Made:
    """The plan of an evacuation."""
    return lambda: plan(survey(*servers, **changes), settings=settings, **(asked or {}))


def where(taken: OpenStackSurvey, host: str, of: Callable[[OpenStackSurvey], Plan] = plan, **changes: Any) -> Made:
    """The plan when one compute service is otherwise."""
    return lambda: of(with_service(taken, host, **changes))


def without(binary: str) -> Made:
    taken = survey()
    return lambda: plan(altered(taken, services=tuple(s for s in taken.computes.services if s.binary != binary)))


def with_row(**changes: Any) -> OpenStackSurvey:
    """The survey when compute-1 is listed twice."""
    taken = survey()
    return altered(taken, services=(service(DEAD, **changes), *taken.computes.services))


def twin(host: str = "compute-1.example.com", **changes: Any) -> Made:
    """The plan when Nova lists a host that may be compute-1 under another name."""
    return lambda: plan(altered(survey(), services=(service(host, **changes), *survey().computes.services)))


def alive(*servers: Server, asked: dict[str, Any] | None = None, **changes: Any) -> Made:
    """The plan of entering maintenance."""
    return lambda: enter(living(*servers, **changes), **(asked or {}))


def returning(asked: dict[str, Any] | None = None, host: dict[str, Any] | None = None, **changes: Any) -> Made:
    """The plan of a return to service."""
    return lambda: back(with_service(living(**changes), DEAD, **(host or OURS)), **(asked or {}))


def homecoming(
    *away: Server, vms: tuple[str, ...] = (), there: Room | None = None, holds: tuple[str, ...] = ("id-web-1",)
) -> Made:
    """The plan of a return when Muster's books say that web-1 was left on compute-2."""
    there_now = here() if away else here(server("web-1"))
    held = {} if away else {id: {"VCPU": 1} for id in holds}
    return returning(
        {"ledger": (LEFT,), "vms": vms}, listed=there_now, away=away, held=held, by_host={DEAD: there or room()}
    )


UNANSWERED = Unanswered(what="the names", instead="ids are shown", why="Keystone answered 503.")
AWAY = server("web-1", host="compute-2")
LEFT = Left(id=VmId(AWAY.id), name="web-1", status="ACTIVE", place="compute-2")
ONE_IS_FREE = {"compute-2": room(), **dict.fromkeys(("compute-3", "compute-4"), Room(capacity={}, used={}))}
BIG = server("big", needs={"VCPU": 1, "MEMORY_MB": 60 * 1024})
CINDER = service(DEAD, binary="cinder-volume", is_up=False)
GROUP = ServerGroup(id="g", name="pair", policy="affinity", members=frozenset({"id-a", "id-b"}))
SCOPED = {"scope": {"ssd": "true"}}
TAGGED: dict[str, Any] = {"tags": {"compute-3": {"ssd": frozenset({"true"})}}}
OFF, ON = PowerReading(state="Off", host_name=DEAD), PowerReading(state="On", host_name=DEAD)
STALE = {"is_forced_down": True, "is_up": False}

PAIRS: dict[str, tuple[Made, Made]] = {
    # the host and its cloud
    "service-unknown": (
        lambda: plan(altered(survey(), services=tuple(s for s in survey().computes.services if s.host != DEAD))),
        dead(),
    ),
    "service-up": (where(survey(), DEAD, is_up=True), dead()),
    "service-down": (dead(), where(survey(), DEAD, is_up=True)),
    "still-reports": (dead(life=Life.REPORTS), dead()),
    "life-untold": (dead(life=Life.UNTOLD), dead(life=Life.UNTOLD, power=OFF)),
    "unproven-death": (dead(), dead(power=OFF)),
    "power-off": (dead(power=OFF), dead(power=ON)),
    "power-on": (dead(power=ON), dead(power=ON, settings=configured(fencing=WITH_FENCE))),
    "to-be-fenced": (
        dead(power=ON, settings=configured(fencing=WITH_FENCE)),
        dead(power=OFF, settings=configured(fencing=WITH_FENCE)),
    ),
    "bmc-silent": (dead(power=PowerReading(silence="The BMC of compute-1 did not answer.")), dead(power=ON)),
    "bmc-of-another": (dead(power=replace(OFF, host_name="compute-11")), dead(power=OFF)),
    "forced-down-before": (where(survey(), DEAD, is_forced_down=True), dead()),
    "disabled-before": (where(survey(), DEAD, is_enabled=False), dead()),
    "others-down": (where(survey(), "compute-2", is_up=False), where(survey(), "compute-2", is_enabled=False)),
    "observer-blind": (
        lambda: plan(with_service(with_service(survey(), "compute-2", is_up=False), "compute-3", is_up=False)),
        where(survey(), "compute-2", is_up=False),
    ),
    "listed-twice": (
        lambda: plan(with_row(id="old", is_up=False, updated_at=NOW - timedelta(days=9))),
        dead(),
    ),
    "listed-twice-alike": (
        lambda: plan(with_row(id="old", is_up=False, updated_at=NOW - timedelta(minutes=9))),
        lambda: plan(with_row(id="old", is_up=False, updated_at=NOW - timedelta(days=9))),
    ),
    "retired-hosts": (
        where(survey(), "compute-2", is_up=False, updated_at=NOW - timedelta(days=31)),
        where(survey(), "compute-2", is_up=False, updated_at=NOW - timedelta(days=29)),
    ),
    "bare-metal": (dead(bare_metal=frozenset({DEAD})), dead(bare_metal=frozenset({"compute-2"}))),
    "alive-as-another": (twin(is_up=True), twin(is_up=False)),
    "other-names": (twin(is_up=False), twin("compute-11.example.com", is_up=False)),
    "bmc-by-another-name": (dead(bmc_called=("COMPUTE-1",)), dead()),
    "cinder-name-in-doubt": (
        dead(storage=Storage(host=DEAD, doubtful=("compute-1.example.com",))),
        dead(storage=Storage(host=DEAD, names=frozenset({"compute-1.example.com"}))),
    ),
    "no-survivors": (
        lambda: plan(
            altered(
                survey(), services=tuple(s for s in survey().computes.services if s.zone != "az-1" or s.host == DEAD)
            )
        ),
        dead(),
    ),
    "no-scheduler": (without("nova-scheduler"), without("nova-conductor")),
    "no-conductor": (without("nova-conductor"), without("nova-scheduler")),
    "aggregate-empty": (
        dead(aggregates={DEAD: ("ssd",)}),
        dead(aggregates={DEAD: ("ssd",), "compute-2": ("ssd",)}),
    ),
    # versions
    "comes-up-running": (
        dead(highest=OLD, settings=configured(evacuated_vms="stopped")),
        dead(highest=Microversion((2, 95)), settings=configured(evacuated_vms="stopped")),
    ),
    "platform-version": (
        dead(settings=configured(minimum_version="6.4.3")),
        dead(settings=configured(minimum_version="6.4.3", platform_version="6.4.3")),
    ),
    "platform-too-old": (
        dead(settings=configured(minimum_version="6.4.3", platform_version="6.4.2.9")),
        dead(settings=configured(minimum_version="6.4.3", platform_version="6.4.3.0")),
    ),
    "cannot-lock": (
        dead(highest=Microversion((2, 72)), settings=configured(lock_vms=True)),
        dead(highest=Microversion((2, 73)), settings=configured(lock_vms=True)),
    ),
    # what was asked for
    "vm-not-here": (dead(asked={"vms": ("web-2",)}), dead(asked={"vms": ("web-1",)})),
    "vm-ambiguous": (
        dead(server("a", id="1"), server("a", id="2"), asked={"vms": ("a",)}),
        dead(server("a", id="1"), server("a", id="2"), asked={"vms": ("2",)}),
    ),
    "target-unknown": (dead(asked={"to": "compute"}), dead(asked={"to": "compute-2"})),
    "target-is-source": (dead(asked={"to": DEAD}), dead(asked={"to": "compute-2"})),
    "target-past-scheduler": (
        dead(highest=Microversion((2, 29)), asked={"to": "compute-2"}),
        dead(highest=Microversion((2, 30)), asked={"to": "compute-2"}),
    ),
    "target-is-bare-metal": (
        dead(bare_metal=frozenset({"compute-2"}), asked={"to": "compute-2"}),
        dead(bare_metal=frozenset({"compute-3"}), asked={"to": "compute-2"}),
    ),
    "target-not-in-service": (
        lambda: plan(with_service(survey(), "compute-2", is_enabled=False), to="compute-2"),
        dead(asked={"to": "compute-2"}),
    ),
    # room
    "room": (dead(), dead(by_host=None)),
    "room-unknown": (dead(by_host=None), dead()),
    "no-room": (alive(BIG, replace(BIG, id="2"), by_host=ONE_IS_FREE), alive(BIG, by_host=ONE_IS_FREE)),
    "stays-for-room": (
        dead(BIG, replace(BIG, id="2"), by_host={"compute-2": room()}),
        dead(BIG, by_host={"compute-2": room()}),
    ),
    "tight-room": (
        dead(*(replace(BIG, id=str(n)) for n in range(4))),
        dead(*(replace(BIG, id=str(n)) for n in range(3))),
    ),
    "fits-nowhere": (
        dead(server("big", needs={"VCPU": 101})),
        dead(server("big", needs={"VCPU": 100})),
    ),
    # single VMs
    "no-vms": (dead(listed=here()), dead()),
    "list-not-whole": (dead(listed=here(gap="The cell is silent.")), dead()),
    "emptiness-unproven": (dead(listed=here(witness="")), dead(listed=here())),
    "not-answered": (dead(unanswered=(UNANSWERED,)), dead()),
    "unanswered-risk": (dead(unanswered=(replace(UNANSWERED, is_risk=True),)), dead(unanswered=(UNANSWERED,))),
    "cannot-evacuate": (dead(server("a", vm_state="paused")), dead(server("a", vm_state="error"))),
    "disk-lost": (
        dead(server("a", **LOCAL), settings=configured(shared_storage=False)),
        dead(server("a"), settings=configured(shared_storage=False)),
    ),
    "disk-may-be-lost": (dead(server("a", **LOCAL)), dead(server("a"))),
    "disks-shared": (
        dead(server("a", **LOCAL), settings=configured(shared_storage=True)),
        dead(server("a"), settings=configured(shared_storage=True)),
    ),
    "evacuation-open": (
        dead(migrations=(migration(9, "web-1", "accepted", None),)),
        dead(migrations=(migration(9, "web-1", "failed"),)),
    ),
    "move-open": (
        dead(migrations=(migration(9, "web-1", "running", type="live-migration"),)),
        dead(migrations=(migration(9, "web-1", "failed", type="live-migration"),)),
    ),
    "amphora": (dead(server("amphora-6f1c")), dead(server("my-amphora"))),
    "needs-device": (dead(server("a", devices=("a PCI device",))), dead(server("a"))),
    "special-port": (dead(server("a", ports=frozenset({"vdpa"}))), dead(server("a"))),
    "promised-bandwidth": (dead(server("a", has_promised_bandwidth=True)), dead(server("a"))),
    "shares-unknown": (dead(shares_known=False), dead()),
    "ports-unknown": (dead(ports_known=False), dead()),
    "encrypted-volume": (
        dead(server("a", volumes=frozenset({"v1"})), encrypted=frozenset({"v1"})),
        dead(server("a", volumes=frozenset({"v1"})), encrypted=frozenset({"v2"})),
    ),
    "aggregate-bound": (dead(server("a", **SCOPED)), dead(server("a", **SCOPED), **TAGGED)),
    "priority-unreadable": (
        dead(server("a", metadata={"turn": "first"}), settings=configured(priority_metadata="turn")),
        dead(server("a", metadata={"turn": "-7"}), settings=configured(priority_metadata="turn")),
    ),
    # volumes and backups of the host itself
    "volumes-managed-here": (
        dead(storage=Storage(host=DEAD, volumes=volumes_with(DEAD, 1))),
        dead(storage=Storage(host=DEAD)),
    ),
    "backups-managed-here": (
        dead(storage=Storage(host=DEAD, services=(service(DEAD, binary="cinder-backup"),))),
        dead(storage=Storage(host=DEAD, services=(service(DEAD, binary="cinder-volume"),))),
    ),
    "volumes-rehomed": (lambda: rehomed(cinder()), lambda: rehomed(cinder(pools={}))),
    "volumes-stay": (lambda: rehomed(cinder(pools={})), lambda: rehomed(cinder())),
    "backups-rehomed": (lambda: rehomed(cinder()), lambda: rehomed(cinder(backups=()))),
    "backups-stay": (lambda: rehomed(cinder(services=cinder().services[:-2])), lambda: rehomed(cinder())),
    "volumes-clustered": (
        lambda: rehomed(cinder(volumes=tuple(replace(v, is_clustered=True) for v in volumes_with(DEAD, 1)))),
        lambda: rehomed(cinder()),
    ),
    "cannot-run-cinder-manage": (
        lambda: rehomed(cinder(trouble="Nobody answers.")),
        lambda: rehomed(cinder(trouble="Nobody answers.", volumes=(), backups=())),
    ),
    "nothing-to-give-back": (lambda: given_back(taken_over(volumes=(), backups=())), lambda: given_back(taken_over())),
    "old-manager-not-up": (lambda: given_back(taken_over(pools={})), lambda: given_back(taken_over())),
    "comes-along": (
        lambda: given_back(taken_over(volumes=(*taken_over().volumes, OWN))),
        lambda: given_back(taken_over()),
    ),
    # entering maintenance
    "stays-disabled": (alive(), lambda: enter(altered(living(), services=()))),
    "last-in-zone": (where(living(), DEAD, enter, zone="az-9"), alive()),
    "last-in-aggregate": (
        alive(aggregates={DEAD: ("ssd",)}),
        alive(aggregates={DEAD: ("ssd",), "compute-2": ("ssd",)}),
    ),
    "target-too-new": (
        alive(server("a", vm_state="stopped"), highest=Microversion((2, 55)), asked={"to": "compute-2"}),
        alive(server("a", vm_state="stopped"), highest=Microversion((2, 56)), asked={"to": "compute-2"}),
    ),
    "incoming": (
        alive(migrations=(migration(4, "b", "running", DEAD, source="compute-2", type="live-migration"),)),
        alive(migrations=(migration(4, "b", "completed", DEAD, source="compute-2", type="live-migration"),)),
    ),
    "unconfirmed": (
        alive(migrations=(migration(4, "gone", "finished", type="resize"),)),
        alive(migrations=(migration(4, "gone", "confirmed", type="resize"),)),
    ),
    "must-stay-together": (alive(server("a"), server("b"), groups=(GROUP,)), alive(server("a"), groups=(GROUP,))),
    "stays-behind": (alive(server("a", vm_state="suspended")), alive(server("a", vm_state="paused"))),
    "will-not-be-empty": (alive(server("a", vm_state="suspended")), alive(server("a"))),
    # returning to service
    "vms-stay": (returning(), dead()),
    "vms-away": (homecoming(AWAY), returning()),
    "vms-home": (homecoming(), homecoming(AWAY)),
    "home-unproven": (homecoming(holds=()), homecoming()),
    "vms-gone": (returning({"ledger": (LEFT,)}, listed=here()), homecoming(AWAY)),
    "vm-not-offered": (homecoming(AWAY, vms=("strange",)), homecoming(AWAY, vms=("web-1",))),
    "stays-away": (homecoming(replace(AWAY, vm_state="error")), homecoming(AWAY)),
    "no-way-back": (homecoming(AWAY, vms=("web-1",), there=room(memory_gib=1)), homecoming(AWAY, vms=("web-1",))),
    "not-as-left": (homecoming(replace(AWAY, host="compute-3"), vms=("web-1",)), homecoming(AWAY, vms=("web-1",))),
    "compute-silent": (returning(host=OURS | {"is_up": False}), returning()),
    "compute-called-down": (
        returning(host=OURS | {"is_up": False}, life=Life.REPORTS),
        returning(host=OURS | {"is_up": False}),
    ),
    "reports": (returning(host=OURS | STALE), returning()),
    "forced-by-others": (returning(host=STALE | {"updated_at": NOW}), returning(host=OURS | STALE)),
    "old-guests": (
        returning(migrations=(migration(9, "gone", "done"),)),
        returning(migrations=(migration(9, "gone", "completed"),)),
    ),
    "old-guests-at-home": (
        returning(migrations=(migration(9, "web-1", "done"),)),
        returning(migrations=(migration(9, "gone", "done"),)),
    ),
    "evacuation-left-over": (
        alive(migrations=(migration(9, "web-1", "accepted"),)),
        alive(migrations=(migration(9, "gone", "accepted"),)),
    ),
    "disabled-by-us": (returning(), returning(host={"is_enabled": False, "disabled_reason": "new fan"})),
    "disabled-by-others": (returning(host={"is_enabled": False, "disabled_reason": "new fan"}), returning()),
    "in-service": (returning(host={"is_enabled": True}), returning()),
    "cinder-down": (
        returning(storage=Storage(host=DEAD, services=(CINDER,))),
        returning(storage=Storage(host=DEAD, services=(replace(CINDER, is_up=True),))),
    ),
}


@pytest.mark.parametrize("code", PAIRS)
def test_a_finding_is_there_when_it_should_be_and_absent_when_it_should_not(code: str) -> None:
    produced, absent = PAIRS[code]
    assert code in codes(produced())
    assert code not in codes(absent())


def test_every_finding_of_the_adapter_has_its_pair() -> None:
    written = {made.code for made in made_in("adapters/openstack")}
    assert len(written) > 40
    assert {pattern for pattern in written if not any(fnmatch(code, pattern) for code in PAIRS)} == set()
    assert {code for code in PAIRS if not any(fnmatch(code, pattern) for pattern in written)} == set()


def test_every_sentence_agrees_with_its_numbers() -> None:
    for made, _ in PAIRS.values():
        for found in made().findings:
            assert_agrees(f"{found.sentence} {found.remedy} {found.vouch}")


def test_what_is_said_of_many_vms_at_once_names_none_of_them() -> None:
    """Else each would be a cause of its own, and 43 VMs 43 lines."""
    for code, (made, _) in PAIRS.items():
        plan_of = made()
        for found in plan_of.findings:
            if found.vm:
                name = next(vm.name for vm in plan_of.vms if vm.id == found.vm)
                assert found.together, code
                told = f"{found.together} {found.remedy}"
                assert found.vm not in told
                assert "#" not in told
                assert len(name) == 1 or not re.search(rf"\b{re.escape(name)}\b", told), found


def test_every_finding_is_read_whole_on_a_card() -> None:
    for made, _ in PAIRS.values():
        plan_of = made()
        shown = operation(State.AWAITING_APPROVAL, of=plan_of)
        said = "\n".join(visible_text(card.render(shown, (), RULE, now=NOW)))
        for cause in causes.of_plan(plan_of):
            told = text.escape(cause.sentence, limit=5_000).rstrip(".")
            assert told in said
            assert cause.verdict is Verdict.OK or text.escape(cause.remedy, limit=5_000) in said

"""What is wrong with a cloud's entry, before anybody needs it: reachability, login, rights, versions."""

from collections.abc import Mapping, Sequence

from adapters.openstack.findings import evacuation
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.survey import nova, storage
from adapters.openstack.wire.cinder_manage import CommandRunner
from adapters.openstack.wire.session import Session
from adapters.openstack.wire.versions import SERVICES, SUMMARIES, spoken, up_to
from bot.domain.cloud import CloudError, Refused
from bot.domain.plans.plan import Verdict


async def complaints(
    session: Session, settings: OpenStackSettings, runner: CommandRunner | None = None
) -> Sequence[str]:
    """Sentences with remedies; empty when all is well."""
    try:
        roles = await session.roles()
        highest = (await nova.compute_offer(session)).highest
    except CloudError as error:
        return [str(error)]
    found = []
    if "admin" not in roles:
        found.append(
            f"Muster's account has no admin role here (it has: {', '.join(sorted(roles)) or 'none'}). Give it the admin"
            " role, or by policy every right that an evacuation needs."
        )
    found += [
        f"{finding.sentence} {finding.remedy}".strip()
        for finding in evacuation.of_versions(highest, settings)
        if finding.verdict is not Verdict.OK
    ]
    return found + await _refusals(session, settings, up_to(SERVICES, highest)) + await _complaints_of(runner)


async def _complaints_of(runner: CommandRunner | None) -> list[str]:
    """Whether `cinder-manage` can be run, by the one command of it that only reads and shows all that is needed."""
    if runner is None:
        return []
    try:
        await storage.backups_of(runner)
    except CloudError as error:
        return [f"{error} {error.raw}".strip()]
    return []


async def _refusals(session: Session, settings: OpenStackSettings, nova: str) -> list[str]:
    """What a survey would stumble over: one small read of each kind that it needs."""
    found = []
    for service, path, microversion, params, doing in (
        ("compute", "/os-services", nova, {}, "list compute services"),
        ("compute", "/servers", nova, {"all_tenants": "1", "limit": "1"}, "list servers of all projects"),
        (
            "placement",
            "/allocation_candidates",
            spoken(SUMMARIES),
            {"resources": "MEMORY_MB:1", "limit": "1"},
            "read how much room hosts have",
        ),
        ("block-storage", "/os-services", "", {}, "list Cinder's services"),
        *(
            [("block-storage", "/scheduler-stats/get_pools", "", {}, "list Cinder's pools")]
            if settings.cinder.by
            else []
        ),
    ):
        try:
            await _ask(session, service, path, microversion, params, doing)
        except CloudError as error:
            found.append(str(error))
    return found


async def _ask(
    session: Session, service: str, path: str, microversion: str, params: Mapping[str, str], doing: str
) -> None:
    offer = await session.offer(service)
    if offer is None and service == "block-storage":
        return  # a cloud without Cinder is a cloud too
    if offer is None:
        raise Refused(
            f"The cloud's catalog has no {service} service in this region, so Muster cannot {doing}.",
            remedy="Check `region_name` and `interface` of this cloud in clouds.yaml.",
        )
    if service == "placement" and offer.highest < SUMMARIES:
        path, microversion, params = "/resource_providers", "", {}
    await session.get(service, path, microversion=microversion, params=params, doing=doing)

"""What a survey could not see, as findings: a list that is not whole, an emptiness nobody confirms, silence. Pure."""

from collections.abc import Iterator

from adapters.openstack.model.computes import Computes
from adapters.openstack.model.servers import Servers
from adapters.openstack.model.survey import OpenStackSurvey
from bot.domain.plans.plan import Finding, Topic, Verdict


def of_servers(computes: Computes, servers: Servers) -> Iterator[Finding]:
    """Whether all VMs of the host are known; that it has none is said only where somebody else agrees."""
    listed, host = servers.listed, computes.host
    ask_its_cell = (
        "Check the database and message queue of the host's cell (`nova-manage cell_v2 list_cells`) and Placement, then"
        " check again."
    )
    if listed.gap:
        yield Finding(
            code="list-not-whole",
            verdict=Verdict.UNKNOWN,
            topic=Topic.VMS,
            sentence=f"Which VMs are on {host} could not be found out. {listed.gap}",
            remedy=ask_its_cell,
        )
    elif listed.is_proven_empty:
        yield Finding(
            code="no-vms",
            verdict=Verdict.OK,
            topic=Topic.VMS,
            sentence=f"{host} has no VMs, and {listed.witness}: it is only taken out of service.",
        )
    elif not listed.items:
        yield Finding(
            code="emptiness-unproven",
            verdict=Verdict.UNKNOWN,
            topic=Topic.VMS,
            sentence=f"Nova lists no VM on {host}, and nobody else could be asked whether that is so.",
            remedy=ask_its_cell,
        )


def of_questions(survey: OpenStackSurvey) -> Iterator[Finding]:
    """The questions that were not answered and that no plan waits for: what is done without the answer."""
    for question in survey.unanswered:
        sentence = f"Muster could not read {question.what}: {question.instead}. {question.why}"
        if question.is_risk:
            yield Finding(
                code="unanswered-risk",
                verdict=Verdict.WARNING,
                topic=Topic.VMS,
                sentence=sentence,
                remedy="Approve it as it is, or check again once that service answers.",
            )
        else:
            yield Finding(code="not-answered", verdict=Verdict.OK, topic=Topic.VMS, sentence=sentence)

"""What is asked before a host is touched: one list, which every path of every cloud answers. Pure data.

A path is what a cloud is asked to do (`Action`). Its answer is the codes of the findings that say what came of the
question, or a sentence why the question does not apply. Tests hold it to the source and to docs/findings.md: no finding
without a question, no question without an answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from bot.domain.values import Action

Answer: TypeAlias = tuple[str, ...] | str
Path: TypeAlias = tuple[str, Action]  #: the kind of the cloud, and what it is asked to do

OPENSTACK, CLOUDTOWER = "openstack", "cloudtower"


@dataclass(frozen=True, kw_only=True)
class Precheck:
    """One question, with the answer of each path."""

    question: str
    evacuate: Answer
    enter: Answer
    exit: Answer
    rehome: Answer
    tower_enter: Answer
    tower_exit: Answer

    @property
    def answers(self) -> Mapping[Path, Answer]:
        """By path."""
        return {
            (OPENSTACK, Action.EVACUATE): self.evacuate,
            (OPENSTACK, Action.ENTER): self.enter,
            (OPENSTACK, Action.EXIT): self.exit,
            (OPENSTACK, Action.REHOME): self.rehome,
            (CLOUDTOWER, Action.ENTER): self.tower_enter,
            (CLOUDTOWER, Action.EXIT): self.tower_exit,
        }


_NAMED_ONCE = ("listed-twice", "listed-twice-alike", "other-names", "alive-as-another", "bmc-by-another-name")
_VOLUMES_ALONE = "Volumes alone change their manager: no VM is touched."
_TOWER_DECIDES = ("precheck",)  #: what the product's own check looks at (facts: its manual), told as one answer
_TOWER_MOVES = "CloudTower moves them itself, by its own rights and in its own order, in one task."
_NO_SHORT_LIST = "CloudTower answers as a whole: without a list that is known to be whole nothing is planned."
_NO_STOPPING = "Whatever could not stay was stopped or moved when the host entered."

PRECHECKS = (
    # the host and its cloud
    Precheck(
        question="Does the cloud know the host, once only and by one name?",
        evacuate=("service-unknown", *_NAMED_ONCE),
        enter=("service-unknown", *_NAMED_ONCE),
        exit=("service-unknown", *_NAMED_ONCE),
        rehome="The steps of the evacuation name the managers.",
        tower_enter=("host-gone",),
        tower_exit=("host-gone",),
    ),
    Precheck(
        question="Does it have VMs to move, or is it bare metal?",
        evacuate=("bare-metal",),
        enter=("bare-metal",),
        exit="A service is put back whatever it serves.",
        rehome=_VOLUMES_ALONE,
        tower_enter="CloudTower's hosts are hypervisors.",
        tower_exit="CloudTower's hosts are hypervisors.",
    ),
    Precheck(
        question="Does this release do it right?",
        evacuate=("platform-version", "platform-too-old", "comes-up-running"),
        enter="What goes wrong in some releases is evacuating alone.",
        exit="What goes wrong in some releases is evacuating alone.",
        rehome="`cinder-manage` has had these commands ever since the oldest release that Muster works with.",
        tower_enter=("version",),
        tower_exit=("version",),
    ),
    Precheck(
        question="Does the host live, or is it dead, as the path needs it?",
        evacuate=("service-up", "service-down", "forced-down-before", "still-reports", "life-untold"),
        enter=("service-up", "service-down"),
        exit=("service-up", "compute-silent", "compute-called-down", "reports", "forced-by-others"),
        rehome=("old-manager-not-up",),
        tower_enter=("host-status",),
        tower_exit=("host-status",),
    ),
    Precheck(
        question="Is its death proven?",
        evacuate=("unproven-death", "power-off", "power-on", "to-be-fenced", "bmc-silent", "bmc-of-another"),
        enter="A living host gives its VMs away itself.",
        exit="It must report itself.",
        rehome="Its Cinder must report itself.",
        tower_enter="A host that does not answer is not let into maintenance.",
        tower_exit="It must answer itself.",
    ),
    Precheck(
        question="Is whoever looks blind, so that what is shown is old?",
        evacuate=("observer-blind", "others-down", "retired-hosts"),
        enter=("observer-blind", "others-down", "retired-hosts"),
        exit=("retired-hosts",),
        rehome="It is Cinder that is asked, for this one service.",
        tower_enter=("cluster",),
        tower_exit=("cluster",),
    ),
    Precheck(
        question="Who has taken it out of service, and is somebody else at work on it?",
        evacuate=("disabled-before",),
        enter=("disabled-before", "stays-disabled"),
        exit=("disabled-by-us", "disabled-by-others", "in-service"),
        rehome=_VOLUMES_ALONE,
        tower_enter=("host-state", "host-busy"),
        tower_exit=("host-state", "host-busy"),
    ),
    Precheck(
        question="Can the rest of the cloud do without it?",
        evacuate=("no-survivors", "no-scheduler", "no-conductor", "aggregate-empty"),
        enter=("no-survivors", "no-scheduler", "no-conductor", "last-in-zone", "last-in-aggregate"),
        exit=("no-scheduler", "no-conductor"),
        rehome=_VOLUMES_ALONE,
        tower_enter=("last-host", "peer-in-maintenance", "data-recovery"),
        tower_exit="The cluster gains a host.",
    ),
    # what was asked for
    Precheck(
        question="Are the VMs there that were asked for?",
        evacuate=("vm-not-here", "vm-ambiguous", "no-vms"),
        enter=("vm-not-here", "vm-ambiguous", "no-vms"),
        exit=("vm-not-offered", "vms-home", "home-unproven", "vms-gone", "vms-stay", "vms-away"),
        rehome=_VOLUMES_ALONE,
        tower_enter="A host enters as a whole.",
        tower_exit=("vm-not-offered", "vm-gone", "vm-left-out", "vm-nameless", "vm-flagged"),
    ),
    Precheck(
        question="Are all VMs of the host known, and does a second witness agree?",
        evacuate=("list-not-whole", "emptiness-unproven"),
        enter=("list-not-whole", "emptiness-unproven"),
        exit="What is on the host stays there; who was moved away is asked for one by one.",
        rehome=_VOLUMES_ALONE,
        tower_enter=_NO_SHORT_LIST,
        tower_exit=_NO_SHORT_LIST,
    ),
    Precheck(
        question="Which questions were not answered that no plan waits for?",
        evacuate=("not-answered", "unanswered-risk"),
        enter=("not-answered", "unanswered-risk"),
        exit=("not-answered", "unanswered-risk"),
        rehome=_VOLUMES_ALONE,
        tower_enter=_NO_SHORT_LIST,
        tower_exit=_NO_SHORT_LIST,
    ),
    Precheck(
        question="Can the target take them that was asked for?",
        evacuate=(
            "target-unknown",
            "target-is-source",
            "target-is-bare-metal",
            "target-not-in-service",
            "target-past-scheduler",
        ),
        enter=(
            "target-unknown",
            "target-is-source",
            "target-is-bare-metal",
            "target-not-in-service",
            "target-past-scheduler",
            "target-too-new",
        ),
        exit="They come back to this host alone.",
        rehome="They go back to where they were.",
        tower_enter="CloudTower chooses the hosts.",
        tower_exit="They come back to this host alone.",
    ),
    Precheck(
        question="Is there room for them?",
        evacuate=("room", "room-unknown", "no-room", "fits-nowhere", "tight-room", "stays-for-room"),
        enter=("room", "room-unknown", "no-room", "fits-nowhere", "tight-room"),
        exit=("no-way-back", "stays-away"),
        rehome="Volumes stay where their data are.",
        tower_enter=("room", "too-many-vms"),
        tower_exit=_TOWER_DECIDES,
    ),
    # single VMs
    Precheck(
        question="Is a VM in a state that can be moved?",
        evacuate=("cannot-evacuate",),
        enter=("stays-behind", "will-not-be-empty"),
        exit=("stays-away",),
        rehome=_VOLUMES_ALONE,
        tower_enter=("vm-suspended", "vm-state-unknown", "vm-busy"),
        tower_exit=("vm-changed", "vm-busy"),
    ),
    Precheck(
        question="Does it have what is not moved: a share, a vTPM, encrypted memory, an accelerator, a vDPA port?",
        evacuate=("cannot-evacuate", "shares-unknown"),
        enter=("stays-behind", "shares-unknown"),
        exit=("stays-away", "shares-unknown"),
        rehome=_VOLUMES_ALONE,
        tower_enter=("precheck", "shutdown-elsewhere", "shutdown-unseen"),
        tower_exit=_NO_STOPPING,
    ),
    Precheck(
        question="Does it need a device that only some hosts have: PCI, vGPU?",
        evacuate=("needs-device",),
        enter=("needs-device",),
        exit=("needs-device",),
        rehome=_VOLUMES_ALONE,
        tower_enter=_TOWER_DECIDES,
        tower_exit=_NO_STOPPING,
    ),
    Precheck(
        question="Does it have ports that only some network cards offer, or that are promised bandwidth?",
        evacuate=("special-port", "promised-bandwidth", "ports-unknown"),
        enter=("special-port", "promised-bandwidth", "ports-unknown"),
        exit=("special-port", "promised-bandwidth", "ports-unknown"),
        rehome=_VOLUMES_ALONE,
        tower_enter=_TOWER_DECIDES,
        tower_exit=_NO_STOPPING,
    ),
    Precheck(
        question="Does it have an encrypted volume, whose key Muster's account may not read?",
        evacuate=("encrypted-volume",),
        enter=("encrypted-volume",),
        exit=("encrypted-volume",),
        rehome="A manager is changed without the key.",
        tower_enter=_TOWER_MOVES,
        tower_exit=_TOWER_MOVES,
    ),
    Precheck(
        question="Does it lose its local disk?",
        evacuate=("disk-lost", "disk-may-be-lost", "disks-shared"),
        enter="A living host gives the disk along: Nova copies it where it is not shared.",
        exit="A living host gives the disk along: Nova copies it where it is not shared.",
        rehome=_VOLUMES_ALONE,
        tower_enter="The disks of all VMs are the cluster's.",
        tower_exit="The disks of all VMs are the cluster's.",
    ),
    Precheck(
        question="Must it stay together with others, or apart from them?",
        evacuate=("must-stay-together",),
        enter=("must-stay-together",),
        exit=("no-way-back",),
        rehome=_VOLUMES_ALONE,
        tower_enter=_TOWER_DECIDES,
        tower_exit=_TOWER_DECIDES,
    ),
    Precheck(
        question="Is it bound to a zone, or to an aggregate that no other host is in?",
        evacuate=("aggregate-bound", "fits-nowhere", "stays-for-room"),
        enter=("aggregate-bound", "fits-nowhere", "last-in-zone"),
        exit=("aggregate-bound", "stays-away"),
        rehome=_VOLUMES_ALONE,
        tower_enter=_TOWER_DECIDES,
        tower_exit=_TOWER_DECIDES,
    ),
    Precheck(
        question="Does it serve the cloud itself: an amphora, CloudTower?",
        evacuate=("amphora",),
        enter=("amphora",),
        exit=("amphora",),
        rehome=_VOLUMES_ALONE,
        tower_enter=("cloudtower-here", "service-vm-stops"),
        tower_exit="What CloudTower itself needs never left by a maintenance.",
    ),
    Precheck(
        question="Does it say when its turn is?",
        evacuate=("priority-unreadable",),
        enter=("priority-unreadable",),
        exit=("priority-unreadable",),
        rehome=_VOLUMES_ALONE,
        tower_enter=_TOWER_MOVES,
        tower_exit=_TOWER_MOVES,
    ),
    Precheck(
        question="Can it be locked meanwhile?",
        evacuate=("cannot-lock",),
        enter=("cannot-lock",),
        exit="VMs are locked only on their way off a host.",
        rehome=_VOLUMES_ALONE,
        tower_enter=_TOWER_MOVES,
        tower_exit=_TOWER_MOVES,
    ),
    Precheck(
        question="Is an earlier move of it still open, or has somebody moved it since?",
        evacuate=("evacuation-open", "move-open", "cannot-evacuate"),
        enter=("stays-behind", "incoming", "unconfirmed", "evacuation-left-over"),
        exit=(
            "evacuation-open",
            "evacuation-left-over",
            "old-guests",
            "old-guests-at-home",
            "stays-away",
            "not-as-left",
        ),
        rehome=_VOLUMES_ALONE,
        tower_enter=("vm-busy",),
        tower_exit=("vm-changed", "vm-busy"),
    ),
    # what belongs to the host besides
    Precheck(
        question="Does the host manage volumes or backups?",
        evacuate=(
            "volumes-managed-here",
            "backups-managed-here",
            "volumes-rehomed",
            "backups-rehomed",
            "volumes-stay",
            "backups-stay",
            "volumes-clustered",
            "cannot-run-cinder-manage",
            "cinder-name-in-doubt",
        ),
        enter=("volumes-managed-here", "backups-managed-here", "cinder-name-in-doubt"),
        exit=("cinder-down", "cinder-name-in-doubt"),
        rehome=("nothing-to-give-back", "comes-along", "cannot-run-cinder-manage"),
        tower_enter="Volumes are the cluster's.",
        tower_exit="Volumes are the cluster's.",
    ),
    Precheck(
        question="Are there open alerts about it, and how is it labelled?",
        evacuate="Nova has no alerts; those of Alertmanager are told where they come in.",
        enter="Nova has no alerts; those of Alertmanager are told where they come in.",
        exit="Nova has no alerts; those of Alertmanager are told where they come in.",
        rehome="Nova has no alerts; those of Alertmanager are told where they come in.",
        tower_enter=("alert:*", "alerts", "alerts-more", "alerts-info", "labels"),
        tower_exit=("alert:*", "alerts", "alerts-more", "alerts-info", "labels"),
    ),
    Precheck(
        question="May its power be switched afterwards?",
        evacuate="Nothing but its fence switches the power, which is asked above.",
        enter="Power is not switched: `--then` is offered by CloudTower alone.",
        exit="A host that returns keeps its power.",
        rehome=_VOLUMES_ALONE,
        tower_enter=("power-attached", "power-on-by-hand"),
        tower_exit="A host that returns keeps its power.",
    ),
)

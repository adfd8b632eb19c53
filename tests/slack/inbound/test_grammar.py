"""What people type, and what it means."""

from datetime import datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import BadCommand
from bot.domain.rules.order import Order
from bot.domain.values import Action, OperationId, Then
from bot.slack.command_names import COMMANDS
from bot.slack.inbound.grammar import Query, Verb, parse, usage

E, M, X = Action.EVACUATE, Action.ENTER, Action.EXIT


@pytest.mark.parametrize(
    ("command", "typed", "meant"),
    [
        ("/evacuate", "compute-89", Order(action=E, host="compute-89")),
        ("/evacuate", "prod/compute-89", Order(action=E, cloud="prod", host="compute-89")),
        ("/evacuate", "  prod/compute-89\u00a0 ", Order(action=E, cloud="prod", host="compute-89")),
        ("/evacuate", "check prod/compute-89", Order(action=E, cloud="prod", host="compute-89", check=True)),
        ("/evacuate", "Check compute-89", Order(action=E, host="compute-89", check=True)),
        ("/evacuate", "check check", Order(action=E, host="check", check=True)),
        ("/evacuate", "prod/check", Order(action=E, cloud="prod", host="check")),
        ("/evacuate", '"check"', Order(action=E, host="check")),
        ("/evacuate", "h1 --to h2", Order(action=E, host="h1", to="h2")),
        ("/evacuate", "prod/h1 --to prod/h2", Order(action=E, cloud="prod", host="h1", to="h2")),
        ("/evacuate", "--to h2 h1", Order(action=E, host="h1", to="h2")),
        ("/evacuate", "h1 —to h2", Order(action=E, host="h1", to="h2")),
        ("/evacuate", "h1 –to=h2", Order(action=E, host="h1", to="h2")),
        ("/evacuate", "h1 --TO H2", Order(action=E, host="h1", to="H2")),
        ("/evacuate", "h1 --vm a b --vm c", Order(action=E, host="h1", vms=("a", "b", "c"))),
        ("/evacuate", "h1 --vm a a", Order(action=E, host="h1", vms=("a",))),
        ("/evacuate", 'h1 --vm "two words"', Order(action=E, host="h1", vms=("two words",))),
        ("/evacuate", "h1 --reason DIMM failed again", Order(action=E, host="h1", reason="DIMM failed again")),
        ("/evacuate", "h1 --reason “DIMM failed”", Order(action=E, host="h1", reason="DIMM failed")),
        ("/evacuate", 'h1 --reason="DIMM failed"', Order(action=E, host="h1", reason="DIMM failed")),
        ("/evacuate", "h1 --reason don’t wait", Order(action=E, host="h1", reason="don’t wait")),
        ("/evacuate", "h1 --reason ‘don’t wait’", Order(action=E, host="h1", reason="don’t wait")),
        ("/evacuate", "h1 --reason a &lt;b&gt; &amp; c", Order(action=E, host="h1", reason="a <b> & c")),
        ("/evacuate", 'h1 --reason "a --to b"', Order(action=E, host="h1", reason="a --to b")),
        ("/evacuate", "h1 --reason x --to h2", Order(action=E, host="h1", reason="x", to="h2")),
        ("/evacuate", "<http://n1.example.com|n1.example.com>", Order(action=E, host="n1.example.com")),
        (
            "/evacuate",
            "prod/<http://n1.example.com|n1.example.com>",
            Order(action=E, cloud="prod", host="n1.example.com"),
        ),
        (
            "/evacuate",
            "h1 --to=<https://n2.example.com/|n2.example.com>",
            Order(action=E, host="h1", to="n2.example.com"),
        ),
        ("/evacuate", "h1 --vm <mailto:web@1.com|web@1.com>", Order(action=E, host="h1", vms=("web@1.com",))),
        ("/evacuate", "`prod/compute-2`", Order(action=E, cloud="prod", host="compute-2")),
        ("/evacuate", "prod/`compute-2`", Order(action=E, cloud="prod", host="compute-2")),
        (
            "/evacuate",
            "*compute-2* --vm `web-1` _web-2_ ~web-3~",
            Order(action=E, host="compute-2", vms=("web-1", "web-2", "web-3")),
        ),
        ("/evacuate", "compute-2 --to=`compute-3`", Order(action=E, host="compute-2", to="compute-3")),
        ("/evacuate", "`_odd_`", Order(action=E, host="_odd_")),
        ("/evacuate", '"_odd_"', Order(action=E, host="_odd_")),
        ("/evacuate", "\u200bprod/compute-2\u2060 \ufeff", Order(action=E, cloud="prod", host="compute-2")),
        ("/evacuate", '"rack 4"\u200b', Order(action=E, host="rack 4")),
        (
            "/evacuate",
            "h1 --reason the runbook needs help",
            Order(action=E, host="h1", reason="the runbook needs help"),
        ),
        ("/evacuate", "prod/help", Order(action=E, cloud="prod", host="help")),
        ("/evacuate", '"help"', Order(action=E, host="help")),
        ("/evacuate", "help", Query(verb=Verb.HELP)),
        ("/evacuate", "prod/compute-2 --help", Query(verb=Verb.HELP)),
        ("/evacuate", "compute-2 --to -h", Query(verb=Verb.HELP)),
        ("/maintenance", "Help", Query(verb=Verb.HELP)),
        ("/maintenance", "enter node-3 —help", Query(verb=Verb.HELP)),
        ("/muster", "show help", Query(verb=Verb.HELP)),
        ("/muster", "-h", Query(verb=Verb.HELP)),
        ("/muster", "show `k7m2pqrs`", Query(verb=Verb.SHOW, operation=OperationId("K7M2PQRS"))),
        ("/evacuate", "节点-1", Order(action=E, host="节点-1")),
        ("/evacuate", '"rack 4 node 2"', Order(action=E, host="rack 4 node 2")),
        ("/maintenance", "enter tower/node-3", Order(action=M, cloud="tower", host="node-3")),
        ("/maintenance", "enter node-3 --at 02:00", Order(action=M, host="node-3", at=time(2))),
        ("/maintenance", "exit —at=+2h node-3", Order(action=X, host="node-3", at=timedelta(hours=2))),
        (
            "/maintenance",
            "enter tower/node-3 --at 2026-11-22T02:00+01:00 --window 1h30m --reason new memory",
            Order(
                action=M,
                host="node-3",
                cloud="tower",
                at=datetime.fromisoformat("2026-11-22T02:00+01:00"),
                window=timedelta(minutes=90),
                reason="new memory",
            ),
        ),
        ("/maintenance", "Enter check tower/node-3", Order(action=M, cloud="tower", host="node-3", check=True)),
        ("/maintenance", "enter node-3 --then poweroff", Order(action=M, host="node-3", then=Then.POWER_OFF)),
        ("/maintenance", "enter --then=Reboot node-3", Order(action=M, host="node-3", then=Then.REBOOT)),
        ("/maintenance", "exit node-3 --reason new DIMM", Order(action=X, host="node-3", reason="new DIMM")),
        ("/muster", "", Query(verb=Verb.HELP)),
        ("/muster", "help", Query(verb=Verb.HELP)),
        ("/muster", "LIST", Query(verb=Verb.LIST)),
        ("/muster", "hosts", Query(verb=Verb.HOSTS)),
        ("/muster", "hosts prod", Query(verb=Verb.HOSTS, name="prod")),
        ("/muster", "Hosts prod compute-8", Query(verb=Verb.HOSTS, cloud="prod", name="compute-8")),
        ("/muster", "hosts prod/compute-8", Query(verb=Verb.HOSTS, cloud="prod", name="compute-8")),
        ("/muster", 'hosts "rack 4"', Query(verb=Verb.HOSTS, name="rack 4")),
        ("/muster", "history compute-8", Query(verb=Verb.HISTORY, name="compute-8")),
        ("/muster", "history prod/compute-8", Query(verb=Verb.HISTORY, cloud="prod", name="compute-8")),
        ("/muster", "audit k7m2pqrs", Query(verb=Verb.AUDIT, operation=OperationId("K7M2PQRS"))),
        ("/muster", "policy", Query(verb=Verb.POLICY)),
        ("/muster", "policy prod", Query(verb=Verb.POLICY, cloud="prod")),
        ("/muster", "show k7m2pqrs", Query(verb=Verb.SHOW, operation=OperationId("K7M2PQRS"))),
    ],
)
def test_a_command_means_exactly_what_was_typed(command: str, typed: str, meant: Order | Query) -> None:
    assert parse(command, typed) == meant


@pytest.mark.parametrize(
    ("command", "typed", "why"),
    [
        ("/evacuate", "", "No host was named."),
        ("/evacuate", "   \n ", "No host was named."),
        ("/evacuate", "check", "No host was named."),
        ("/evacuate", "--to h2", "No host was named; put it before the flags."),
        ("/evacuate", "--vm web-1 compute-89", "No host was named; put it before the flags."),
        ("/evacuate", "h1 h2", "One host at a time, but there are 2 words: h1 h2."),
        ("/evacuate", "h1\n/evacuate h2", "One host at a time, but there are 3 words: h1 /evacuate h2."),
        ("/evacuate", "chek h1", "Did you mean check instead of chek?"),
        ("/evacuate", "--check h1", "check is a word, not a flag"),
        ("/evacuate", "h1 --too h2", "There is no flag --too here. Did you mean --to?"),
        ("/evacuate", "h1 -to h2 --to h3", "--to was given twice."),
        ("/evacuate", "h1 --force", "There is no flag --force here."),
        ("/evacuate", "h1 --to", "--to needs a value."),
        ("/evacuate", "h1 --to=", "--to needs a value."),
        ("/evacuate", "h1 --reason", "--reason needs a value."),
        ("/evacuate", "prod/h1 --to other/h2", "must be in the same cloud"),
        ("/evacuate", "h1 --to other/h2", "must be in the same cloud"),
        ("/evacuate", "/h1", "/h1 is not a cloud and a host."),
        ("/evacuate", "prod/", "prod/ is not a cloud and a host."),
        ("/evacuate", 'h1 --reason "never closed', "A quote was opened and not closed."),
        ("/evacuate", "h1 --reason “never closed", "A quote was opened and not closed."),
        ("/evacuate", 'ho"st', "A quote stands in the middle of a word."),
        ("/evacuate", '""', "The name of the host is empty."),
        ("/evacuate", "compute-*", "compute-* is not the name of a host."),
        ("/evacuate", "<!channel>", "is not the name of a host."),
        ("/evacuate", "<@U0BOB|bob>", "is not the name of a host."),
        ("/evacuate", "h\u200b1", "invisible characters"),
        ("/evacuate", "``", "is not the name of a host."),
        ("/evacuate", "prod/h1 check", "One host at a time: write check before the host."),
        ("/evacuate", "h\u202e1", "invisible characters"),
        ("/evacuate", "h1\x00", "invisible characters"),
        ("/evacuate", "h1 --reason " + "x" * 10_000, "the limit is 2000"),
        ("/evacuate", "h1 --reason " + "x" * 501, "The reason has 501 characters; the limit is 500."),
        ("/evacuate", "h" * 256, "The name of the host has 256 characters; the limit is 255."),
        ("/maintenance", "", "No host was named."),
        ("/maintenance", "node-3", "Say first whether to enter or exit maintenance; that is neither: node-3."),
        ("/maintenance", "entre node-3", "Did you mean enter?"),
        ("/maintenance", '"enter" node-3', "Say first whether to enter or exit"),
        ("/maintenance", "enter", "No host was named."),
        ("/maintenance", "enter node-3 --to node-4", "There is no flag --to here."),
        ("/maintenance", "exit node-3 --then reboot", "--then is for a host that enters maintenance."),
        ("/maintenance", "enter node-3 --then burn", "burn is not something --then can do."),
        ("/maintenance", "enter node-3 --then", "--then needs a value."),
        ("/maintenance", "enter node-3 --at tomorrow", "tomorrow is not a time. Write 02:00, 2026-11-22T02:00"),
        ("/maintenance", "enter node-3 --at 25:00", "25:00 is not a time."),
        ("/maintenance", "enter node-3 --at", "--at needs a value."),
        ("/maintenance", "enter node-3 --at 02:00 --at 03:00", "--at was given twice."),
        ("/maintenance", "enter node-3 --window long", "long is not a duration. Write 2h, 90m or 1h30m."),
        ("/maintenance", "enter node-3 --window 30s", "A window lasts from 1 minute to 7 days."),
        ("/maintenance", "enter node-3 --window 8d", "A window lasts from 1 minute to 7 days."),
        ("/evacuate", "h1 --at 02:00", "A dead host does not wait: an evacuation begins when it is approved."),
        ("/evacuate", "h1 --window 2h", "A dead host does not wait"),
        ("/muster", "lst", "Did you mean list?"),
        ("/muster", "show", "Say which operation to show."),
        ("/muster", "show one two", "Muster does not understand the rest: two."),
        ("/muster", "show ../../etc", "../../etc is not the id of an operation."),
        ("/muster", "hosts prod compute 8", "Muster does not understand the rest: 8."),
        ("/muster", "hosts compute-*", "compute-* is not the name of a host."),
        ("/muster", "hosts prod/", "prod/ is not a cloud and a host."),
        ("/muster", "host prod", "Did you mean hosts?"),
        ("/muster", "history", "Say which host's history: cloud/host."),
        ("/muster", "history prod compute-8", "Muster does not understand the rest: compute-8."),
        ("/muster", "audit", "Say which operation to audit."),
        ("/muster", "audit prod/compute-8", "prod/compute-8 is not the id of an operation."),
        ("/muster", "policy prod evacuate", "Muster does not understand the rest: evacuate."),
        ("/muster", "list everything", "Muster does not understand the rest: everything."),
        ("/drain", "h1", "Muster has no command /drain."),
    ],
)
def test_what_is_not_exactly_understood_is_answered_with_why(command: str, typed: str, why: str) -> None:
    with pytest.raises(BadCommand) as bad:
        parse(command, typed)
    assert why in str(bad.value)


def test_each_command_has_its_own_usage_line() -> None:
    assert usage("/maintenance").startswith("Usage: `/maintenance enter|exit")
    assert {usage(c) for c in COMMANDS} == {usage(c) for c in (*COMMANDS, "/other")}


@given(command=st.sampled_from(COMMANDS), typed=st.text(max_size=60))
def test_any_text_is_an_order_a_question_or_a_sentence(command: str, typed: str) -> None:
    try:
        meant: Order | Query | BadCommand = parse(command, typed)
    except BadCommand as bad:
        meant = bad
    assert isinstance(meant, Order | Query) or meant.sentence


@given(
    typed=st.lists(
        st.sampled_from(
            [
                "check",
                "h1",
                "prod/h1",
                "--to",
                "--vm",
                "--reason",
                "—to",
                "enter",
                "exit",
                '"',
                "“a b”",
                "x=y",
                "/",
                "'",
            ]
        ),
        max_size=7,
    )
)
def test_an_order_never_holds_a_word_that_was_not_typed(typed: list[str]) -> None:
    line = " ".join(typed)
    try:
        order = parse("/evacuate", line)
    except BadCommand:
        return
    assert isinstance(order, Order)
    for word in (order.cloud, order.host, order.to, *order.vms, *order.reason.split()):
        assert word in line

"""A machine whose clock can be set: the bot reads from the file $CLOCK_AHEAD how many seconds its dates are ahead."""

import os
import sys
from datetime import datetime as real
from datetime import timedelta, tzinfo
from pathlib import Path

if "CLOCK_AHEAD" in os.environ and "bot" in sys.orig_argv:
    import apscheduler.executors.base
    import apscheduler.schedulers.base
    import apscheduler.triggers.interval

    import bot.runtime.clock

    class Dated(real):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> real:  # type: ignore[override]  # dates are real ones
            return real.now(tz) + timedelta(seconds=float(Path(os.environ["CLOCK_AHEAD"]).read_text() or 0))

    for module in (
        bot.runtime.clock,
        apscheduler.executors.base,
        apscheduler.schedulers.base,
        apscheduler.triggers.interval,
    ):
        vars(module)["datetime"] = Dated

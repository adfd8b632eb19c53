"""What a baseboard controller (BMC) says of the power of its machine. Pure."""

from dataclasses import dataclass

OFF = "Off"  #: of Redfish's `PowerState`; the others are On, PoweringOn, PoweringOff and Paused


@dataclass(frozen=True, kw_only=True)
class PowerReading:
    """One answer, or why there is none."""

    state: str = ""  #: Redfish's word; empty: the BMC does not say
    host_name: str = ""  #: what the machine's operating system has told it; empty: nothing
    times: int = 0  #: how many readings in a row said that it is off, each some seconds after the one before
    silence: str = ""  #: why nothing could be read, as a sentence

    @property
    def is_off(self) -> bool:
        """Whether the machine has no power. Every other word may mean that it still runs."""
        return self.state == OFF

    def contradicts(self, host: str) -> bool:
        """Whether the machine calls itself otherwise: by its first label where one of the names has no domain.

        `localhost` is what a machine is called that nobody named, so it contradicts nothing.
        """
        mine, its = host.casefold(), self.host_name.casefold()
        if "." not in mine or "." not in its:
            mine, its = mine.partition(".")[0], its.partition(".")[0]
        return its not in {"", "localhost", mine} and not its.startswith("localhost.")

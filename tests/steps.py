"""The steps of a plan on their way, as a cloud is asked about them and told to begin them."""

from bot.domain.plans.plan import Plan, Step


def steps_of(plan: Plan) -> list[Step]:
    """Its steps, none of which was begun."""
    return [Step.of(planned) for planned in plan.steps]

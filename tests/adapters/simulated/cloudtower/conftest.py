from tests.adapters.cloudtower.conftest import tower

__all__ = ["tower"]

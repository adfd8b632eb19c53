from tests.demo.conftest import slack, ws  # the page's tests act in the same workspace

__all__ = ["slack", "ws"]

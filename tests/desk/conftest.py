from tests.workshop import archive, clock, cloud, shop, shops

__all__ = ["archive", "clock", "cloud", "shop", "shops"]

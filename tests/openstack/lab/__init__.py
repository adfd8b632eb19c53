"""A real OpenStack on loopback: Keystone, Placement, Nova, Glance, Cinder and Neutron from PyPI.

Only the hypervisors and the disks are pretended: the virt driver keeps its guests in a file, the
volume driver logs. Everything else is the released software, with MariaDB, RabbitMQ and memcached.
"""

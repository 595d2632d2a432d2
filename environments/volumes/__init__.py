"""Volume stores: one file each, behind the protocol in base.py."""

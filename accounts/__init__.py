"""Who a person is: accounts, sign-in, site roles, API tokens. The bottom layer."""

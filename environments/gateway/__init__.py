"""The data plane: carries traffic between browsers and notebook servers, asking before each request."""

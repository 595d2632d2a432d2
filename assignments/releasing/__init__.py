"""What comes before students get anything: notebooks are brought, checked, and given out as a release."""

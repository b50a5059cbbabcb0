"""Tables, figures and the report page: what a run found, for people."""

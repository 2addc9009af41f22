"""One module per verb (plan, apply, reconcile, destroy, status): the stops of a run, in order."""

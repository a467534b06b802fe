"""`fleetloop up`: server, UI, worker, deployments, automations, pages and Evidently's UI, as one thing that runs."""

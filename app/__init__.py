"""The application: command line, API, jobs and appliance around the engine."""

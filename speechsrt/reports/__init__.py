"""What a run tells a reader: tables, plots and one HTML page that needs nothing beside itself."""

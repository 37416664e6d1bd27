"""Reports: result files in, tables and plots out. Only reads; never imports torch."""

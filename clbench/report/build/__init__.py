"""Results -> what documents are made of: tables of methods, pruning studies, statistics, printed numbers."""

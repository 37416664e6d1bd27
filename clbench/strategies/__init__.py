"""One file per method. base.py has the hooks; quadratic.py what the regularisers share."""

"""What is known of the task when a model answers (van de Ven et al. 2022)."""

from typing import Literal

Scenario = Literal["task", "domain", "class"]

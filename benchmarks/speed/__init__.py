"""How fast clbench is beside a bare loop and the machine's products; its start-up, memory and long streams."""

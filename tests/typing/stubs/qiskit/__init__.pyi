# What sojourn relies on, so that its types are checked where Qiskit is not installed.

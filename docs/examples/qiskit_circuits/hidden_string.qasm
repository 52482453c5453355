OPENQASM 2.0;
include "qelib1.inc";

// Bernstein and Vazirani's algorithm: one question to a function finds the string 1011 hidden in it.
qreg q[4];
qreg ancilla[1];
creg c[4];
x ancilla[0];
h ancilla[0];
h q;
barrier q;
cx q[0], ancilla[0];
cx q[1], ancilla[0];
cx q[3], ancilla[0];
barrier q;
h q;
measure q -> c;

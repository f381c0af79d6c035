// Package bench measures Warmline against floors and peers in the same run, and
// says what it found one figure a line.
//
// A figure is a [Record]: median, minimum and maximum of its samples and, where
// something was promised, the target and whether it held. Programs under this
// folder print records as JSON, one a line, on standard output and nothing else
// there; `make bench` gathers them into one table and docs/limits.md.
//
// Machines are shared and noisy. Processor time is user + system seconds of one
// process ([CPU]), never a wall time. A [Window] of one second in which the
// host took more than one per cent ([Stolen]), or in which the floor itself was
// late, is thrown away and counted; with fewer than [GoodWindows] left a figure
// says "machine too noisy" and is not judged. Who measures pins itself to one core
// and asks for real-time priority before its threads start ([Pin]).
package bench

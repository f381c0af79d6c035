// Command floor is the packet floor: the least that physics asks of a program
// that carries N two-way calls. N sockets, one datagram of 172 bytes out and one
// in per socket every 20 ms, spread over slots of 2 ms like the media engine's,
// on one thread, by raw system calls. It looks into no packet.
//
// It reads its work from standard input, one order a line: first the far end's
// ports as a JSON array, then any number of `run SETTLE_MS WINDOWS`. Each order is
// answered by one window a second as JSON ([bench.Window]), then `"done"`.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"warmline/bench"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run() error {
	n := flag.Int("n", 100, "sockets")
	core := flag.Int("core", -1, "processor core to run on alone; -1 is any")
	flag.Parse()
	if _, err := bench.Pin(*core); err != nil {
		return err
	}
	orders := bufio.NewScanner(os.Stdin)
	orders.Buffer(nil, 1<<20)
	if !orders.Scan() {
		return fmt.Errorf("no ports on standard input: %w", orders.Err())
	}
	var ports []int
	if err := json.Unmarshal(orders.Bytes(), &ports); err != nil || len(ports) < *n {
		return fmt.Errorf("reading the ports of %d far ends: %d given: %w", *n, len(ports), err)
	}
	wires, err := bench.BindAll(*n)
	if err != nil {
		return err
	}
	for i, w := range wires {
		w.Aim(ports[i])
	}
	runtime.LockOSThread()
	debug.SetGCPercent(-1) // nothing here allocates while it runs
	f := floor{wires: wires, late: new(bench.Lateness)}
	for orders.Scan() {
		var settle, windows int
		if _, err := fmt.Sscanf(orders.Text(), "run %d %d", &settle, &windows); err != nil {
			return fmt.Errorf("reading the order %q: %w", orders.Text(), err)
		}
		if err := f.run(time.Duration(settle)*time.Millisecond, windows); err != nil {
			return err
		}
	}
	return orders.Err()
}

type floor struct {
	wires []*bench.Wire
	late  *bench.Lateness

	out, in, skipped uint64
	buffer, packet   [bench.PacketSize]byte
}

const slotsPerSecond = int64(time.Second / bench.Slot)

// run walks the wheel and reports one window a second after the settling time.
func (f *floor) run(settle time.Duration, windows int) error {
	for _, w := range f.wires { // what is left of the run before is nobody's
		for w.Receive(f.buffer[:]) {
		}
	}
	wheel, err := bench.NewWheel(bench.NearPhase)
	if err != nil {
		return err
	}
	begin := int64(settle / bench.Slot)
	end := begin + int64(windows)*slotsPerSecond
	var cpu time.Duration
	var ticks bench.Ticks
	var at time.Time
	enc := json.NewEncoder(os.Stdout)
	for wheel.Tick < end {
		wheel.Next()
		f.visit(wheel)
		if wheel.Tick < begin || (wheel.Tick-begin)%slotsPerSecond != 0 {
			continue
		}
		now, used := time.Now(), bench.CPU()
		read, err := bench.ReadTicks()
		if err != nil {
			return err
		}
		if wheel.Tick > begin {
			if err := enc.Encode(bench.Window{
				Seconds: now.Sub(at).Seconds(), CPU: (used - cpu).Seconds(), Out: f.out, In: f.in, Skipped: f.skipped,
				Steal:  bench.Stolen(ticks, read),
				Late50: f.late.Percentile(0.50), Late99: f.late.Percentile(0.99), Late999: f.late.Percentile(0.999),
			}); err != nil {
				return fmt.Errorf("reporting a window: %w", err)
			}
		}
		f.out, f.in, f.skipped = 0, 0, 0
		f.late.Reset()
		at, cpu, ticks = time.Now(), bench.CPU(), read
	}
	_, err = fmt.Println(`"done"`)
	return err
}

// lateLimit is ours: who is more than two packet times late skips.
const lateLimit = 2 * bench.Phases * bench.Slot

// visit does what every socket of the current slot needs.
func (f *floor) visit(wheel *bench.Wheel) {
	for i := int(wheel.Tick % bench.Phases); i < len(f.wires); i += bench.Phases {
		w := f.wires[i]
		late := wheel.Late()
		f.late.Note(late)
		if w.Receive(f.buffer[:]) {
			f.in++
		}
		if late > lateLimit {
			f.skipped++
			continue
		}
		if w.Send(f.packet[:]) {
			f.out++
		}
	}
}

package main

// dice is splitmix64: the same throws on every machine and with every Go release.
type dice struct{ state uint64 }

func (d *dice) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// n throws 0 … n-1.
func (d *dice) n(n int) int { return int(d.next() % uint64(n)) }

// percent is true p times in a hundred.
func (d *dice) percent(p int) bool { return d.n(100) < p }

func pick[T any](d *dice, from []T) T { return from[d.n(len(from))] }

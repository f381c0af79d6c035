package media

// A Direction says which way audio flows, seen from us (RFC 3264 §5.1).
type Direction uint8

// The four directions; SendRecv is what a description without the attribute means.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

var directionNames = [...]string{"sendrecv", "sendonly", "recvonly", "inactive"}

// String gives the SDP attribute.
func (d Direction) String() string { return directionNames[d&3] }

func (d Direction) sends() bool { return d == SendRecv || d == SendOnly }
func (d Direction) hears() bool { return d == SendRecv || d == RecvOnly }

// mirror is the same flow seen from the other side.
func (d Direction) mirror() Direction {
	switch d {
	case SendOnly:
		return RecvOnly
	case RecvOnly:
		return SendOnly
	}
	return d
}

func directionNamed(attribute string) (Direction, bool) {
	for d, name := range directionNames {
		if name == attribute {
			return Direction(d), true
		}
	}
	return SendRecv, false
}

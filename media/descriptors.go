package media

import "fmt"

// What a call and the rest of a process need of open files.
const (
	filesPerCall = 2 // RTP and RTCP
	filesOfRest  = 1000
)

// fitsFiles tells whether a number of calls fits under a limit of open files.
func fitsFiles(calls int, limit uint64) error {
	if need := uint64(filesPerCall*calls + filesOfRest); need > limit {
		return fmt.Errorf("%d calls need %d open files (%d each and %d for the rest), this process may have %d: "+
			"raise the limit (LimitNOFILE= in a unit, ulimit -n in a shell) or allow fewer channels",
			calls, need, filesPerCall, filesOfRest, limit)
	}
	return nil
}

// fits tells whether a number of calls fits in the port range.
func (p *ports) fits(calls int) error {
	if have := len(p.free); calls > have {
		return fmt.Errorf("%d calls need as many pairs of RTP ports, the range has %d: widen it or allow fewer channels", calls, have)
	}
	return nil
}

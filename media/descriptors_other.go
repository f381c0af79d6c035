//go:build !unix

package media

// roomForCalls has no limit to ask for.
func roomForCalls(int) error { return nil }

package interop

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets runs go side by side: they mostly wait for each other's packets.
func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "4")
	os.Exit(m.Run())
}

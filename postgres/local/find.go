package local

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// ErrNoBinaries means no PostgreSQL server is installed here; its text is the
// line to type next.
var ErrNoBinaries = errors.New("no PostgreSQL server binaries found: " +
	"run «apt-get install -y --no-install-recommends postgresql» as root, or set DATABASE_URL to a server you have")

// Binaries is a folder with initdb and postgres of one version.
type Binaries struct {
	Dir    string // holds initdb and postgres
	Source string // system, PATH or bundle
}

// Find looks for server binaries without installing anything.
func Find() (Binaries, error) {
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin", "/Library/PostgreSQL/*/bin",
	} {
		dirs, _ := filepath.Glob(pattern)
		slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
		for _, d := range dirs {
			if complete(d) && version(d) >= 13 {
				return Binaries{d, "system"}, nil
			}
		}
	}
	if p, err := exec.LookPath("postgres"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil && complete(filepath.Dir(p)) {
			return Binaries{filepath.Dir(p), "PATH"}, nil
		}
	}
	if d := filepath.Join(bundleDir(), "bin"); complete(d) {
		return Binaries{d, "bundle"}, nil
	}
	return Binaries{}, ErrNoBinaries
}

// version reads the first number in a path: /usr/lib/postgresql/15/bin is 15.
func version(path string) int {
	i := strings.IndexFunc(path, func(r rune) bool { return r >= '0' && r <= '9' })
	if i < 0 {
		return 0
	}
	digits := path[i:]
	if j := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); j >= 0 {
		digits = digits[:j]
	}
	n, _ := strconv.Atoi(digits)
	return n
}

func complete(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.IsDir() {
			return false
		}
	}
	return true
}

// cacheDir is where a fetched bundle is kept. As root it must be a folder that
// the user postgres may enter, so not root's home.
func cacheDir() string {
	if os.Geteuid() == 0 {
		return "/var/cache/warmline"
	}
	if d, err := os.UserCacheDir(); err == nil {
		return filepath.Join(d, "warmline")
	}
	return filepath.Join(os.TempDir(), "warmline-cache-"+strconv.Itoa(os.Getuid()))
}

func bundleDir() string {
	return filepath.Join(cacheDir(), fmt.Sprintf("postgres-%s-%s-%s", bundleVersion, runtime.GOOS, runtime.GOARCH))
}
